/** testyard webhooks: who is told of the ends of runs, and what became of each telling. */
import type { Command } from "commander";
import type { DeliveryView } from "../../protocol/index.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson } from "../io.ts";
import { ago, table } from "../table.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface Action {
  act: (flags: ClientFlags, argument: string) => Promise<void>;
  /** What follows the command's name. */
  example?: string;
}

export function registerWebhooks(program: Command, finish: Finish): void {
  const group = program.command("webhooks").description("tell addresses when runs end");
  const add = (name: string, about: string, { act, example = "" }: Action): void => {
    const command = group.command(name).description(about);
    printsJson(reaches(command)).action(async () => {
      await act(command.opts<ClientFlags>(), command.args[0] ?? "");
      finish(EXIT.passed);
    });
    examples(command, [`testyard webhooks ${command.name()} ${example}`.trim()]);
  };
  add("list", "the webhooks of the yard", { act: list });
  const address = "https://hooks.example.com/testyard";
  add("add <url>", "tell the ends of all runs to an https address", { act: addOne, example: address });
  add("remove <id>", "tell it nothing more", { act: removeOne, example: "01J…" });
  add("deliveries", "what waits to be told, and how the newest tellings came out", { act: deliveries });
  add("redeliver <id>", "send a delivery that has ended once more", { act: redeliver, example: "01J…" });
  examples(group, ["testyard webhooks list", `testyard webhooks add ${address}`]);
}

async function list(flags: ClientFlags): Promise<void> {
  const webhooks = await (await clientOf(flags)).webhooks();
  if (flags.json) return printJson(webhooks);
  if (webhooks.length === 0) return print("no webhooks; testyard webhooks add URL makes one");
  const rows = webhooks.map(({ webhook_id, url, added_at }) => [webhook_id, ago(added_at), url]);
  print(table(["ID", "ADDED", "URL"], rows));
}

async function addOne(flags: ClientFlags, url: string): Promise<void> {
  const webhook = await (await clientOf(flags)).addWebhook(url);
  if (flags.json) printJson(webhook);
  else print(webhook.webhook_id);
}

async function removeOne(flags: ClientFlags, id: string): Promise<void> {
  const webhook = await (await clientOf(flags)).removeWebhook(id);
  if (flags.json) printJson(webhook);
  else print(`removed ${webhook.url}`);
}

async function deliveries(flags: ClientFlags): Promise<void> {
  const found = await (await clientOf(flags)).deliveries();
  if (flags.json) return printJson(found);
  if (found.length === 0) return print("no deliveries");
  const rows = found.map((delivery) => [
    delivery.delivery_id,
    delivery.state.replace("_", " "),
    String(delivery.attempts),
    outcomeOf(delivery),
  ]);
  print(table(["ID", "STATE", "TRIES", "OUTCOME"], rows));
}

function outcomeOf({ http_status, trouble }: DeliveryView): string {
  if (http_status !== null) return `answered ${http_status}`;
  return trouble === null ? "" : `${trouble.code}: ${trouble.reason}`;
}

async function redeliver(flags: ClientFlags, id: string): Promise<void> {
  const delivery = await (await clientOf(flags)).redeliver(id);
  if (flags.json) printJson(delivery);
  else print(`${delivery.delivery_id} waits`);
}
