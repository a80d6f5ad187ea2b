/**
 * Which coordinator is meant, and with which key.
 *
 * Address: the setting `coordinator`, else this machine's port 8080. Key: the setting `client_key`, the data
 * directory that was named, or the one that the coordinator on that port of this machine has written down for
 * clients of its own user. Reading needs no key, so a missing one is reported only when it is missed.
 */
import { connect, findCoordinator, type Client } from "../client/index.ts";
import { processStartTime, stateDir } from "../platform/index.ts";
import { readClientKey } from "../security/index.ts";
import { usage } from "./errors.ts";

export const DEFAULT_URL = "http://127.0.0.1:8080";

export interface Target {
  coordinator?: string | undefined;
  dataDir?: string | undefined;
  /** No flag, for a command line is seen by everybody on the machine. */
  clientKey?: string | undefined;
}

/** A person waits for the answer, so an address at which nobody listens is soon called that. */
const ANSWER_MS = 2_000;

/**
 * A client for a coordinator that has answered once. From then on it bears with one that restarts.
 */
export async function clientFor(target: Target): Promise<Client> {
  const url = httpUrl(target.coordinator ?? DEFAULT_URL);
  const key = await findKey(url, target);
  const options = { url, ...(key !== null && { key }), ...callersTrace() };
  await connect({ ...options, patienceMs: ANSWER_MS }).status();
  return connect(options);
}

/** What is submitted joins the trace that this command runs within, if it does. */
export function callersTrace(): { traceparent?: string } {
  const traceparent = process.env["TRACEPARENT"];
  return traceparent === undefined || traceparent === "" ? {} : { traceparent };
}

/**
 * Workers speak ws to the same port; people may type either.
 * @throws CliError of what is no such address
 */
export function httpUrl(text: string): string {
  const first = text.split(",")[0]?.trim() ?? "";
  const url = first.replace(/^ws/, "http").replace(/\/(ws\/?)?$/, "");
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw usage(`"${first}" is no address of a coordinator`, `write it whole, such as ${DEFAULT_URL}`);
}

export async function findKey(
  url: string,
  target: Pick<Target, "dataDir" | "clientKey">,
): Promise<string | null> {
  if (target.clientKey !== undefined) return target.clientKey;
  if (target.dataDir !== undefined) return readClientKey(target.dataDir);
  const dataDir = await registeredDataDir(url);
  return dataDir === null ? null : readClientKey(dataDir);
}

async function registeredDataDir(url: string): Promise<string | null> {
  const { hostname, port } = new URL(url);
  if (!["127.0.0.1", "localhost", "[::1]"].includes(hostname)) return null;
  const known = await findCoordinator(stateDir(), { port: Number(port), startTimeOf: processStartTime });
  return known?.data_dir ?? null;
}
