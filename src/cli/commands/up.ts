/** testyard up: a coordinator and workers on this machine, in the foreground. */
import type { Command } from "commander";
import { dataPlaces, type DataFlags } from "../data-dir.ts";
import { EXIT } from "../exit-codes.ts";
import { daysToMs, portNumber, wholeNumber } from "../flags.ts";
import { onInterrupt, untilAborted } from "../interrupt.ts";
import { say } from "../io.ts";
import { counted } from "../table.ts";
import { webhookFlags, webhookOptions, type WebhookFlags } from "../yard/webhook-flags.ts";
import { examples, type Finish } from "./common.ts";

interface Flags extends DataFlags, WebhookFlags {
  retentionDays?: number;
  host: string;
  port: number;
  workerCount?: number;
}

export function registerUp(program: Command, finish: Finish): void {
  const command = program
    .command("up")
    .description("start coordinator and workers on this machine")
    .option("--host <address>", "where the coordinator listens; loopback only, for now", "127.0.0.1")
    .option("--port <n>", "0 for any free one", portNumber, 8080)
    .option("--worker-count <n>", "default: 2, or 1 on a single core", wholeNumber(0, 256))
    .option("--db-path <file>", "DuckDB file of the results; default: in the data directory")
    .option("--data-dir <dir>", "log, blobs, key; default: <db-path>.yard, else the user's state folder")
    .option("--retention-days <n>", "keep logs, artifacts, workspaces so long; 0: for ever (30)", daysToMs)
    .action(async (flags: Flags) => finish(await up(flags)));
  examples(webhookFlags(command), [
    "testyard up",
    "testyard up --worker-count 4 --db-path ./benchmark_db.duckdb",
  ]);
}

async function up(flags: Flags): Promise<number> {
  const interrupt = onInterrupt();
  const { defaultSlots, defaultWorkers, startYard } = await import("../yard/yard.ts");
  const workers = flags.workerCount ?? defaultWorkers();
  const yard = await startYard({
    host: flags.host,
    port: flags.port,
    ...dataPlaces(flags),
    workers,
    retentionMs: flags.retentionDays,
    webhooks: await webhookOptions(flags),
    slots: defaultSlots(Math.max(1, workers)),
    onNote: say,
  });
  say(`testyard at ${yard.url} with ${counted(workers, "worker")}, data in ${yard.dataDir}\nCtrl-C stops it`);
  const failure = await Promise.race([yard.server.ended, untilAborted(interrupt.signal).then(() => null)]);
  await yard.close();
  if (failure !== null) throw failure;
  return EXIT.passed;
}
