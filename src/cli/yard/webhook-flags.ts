/** The flags of commands that start a coordinator about where its webhooks may go. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { ServerOptions } from "../../coordinator/index.ts";
import { usage } from "../errors.ts";

export interface WebhookFlags {
  webhook?: string[];
  webhookHost?: string[];
  webhookAllowPrivate?: string[];
  webhookCa?: string;
}

export type WebhookOptions = Pick<ServerOptions, "webhooks" | "webhookUrls">;

export function webhookFlags(command: Command): Command {
  const each = (text: string, before: string[] = []) => [...before, text];
  return command
    .option("--webhook <url>", "told of the ends of all runs; may be repeated", each)
    .option("--webhook-host <name>", "host that webhooks may go to; may be repeated", each)
    .option("--webhook-allow-private <host>", "the same, on a private network or this machine", each)
    .option(
      "--webhook-ca <file>",
      "certificates in PEM that receivers are trusted by, beside the usual ones",
    );
}

export async function webhookOptions(flags: WebhookFlags): Promise<WebhookOptions> {
  const { webhook = [], webhookHost = [], webhookAllowPrivate = [], webhookCa } = flags;
  const { createHttpsPoster, createResolver } = await import("../../platform/index.ts");
  const ca = webhookCa === undefined ? {} : { ca: await certificates(webhookCa) };
  return {
    webhookUrls: webhook,
    webhooks: {
      policy: { hosts: webhookHost, privateHosts: webhookAllowPrivate },
      resolver: createResolver(),
      poster: createHttpsPoster(ca),
    },
  };
}

async function certificates(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw usage(`--webhook-ca: ${path} cannot be read: ${error.message}`);
  });
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw usage(`--webhook-ca: ${path} holds no certificate in PEM`);
}
