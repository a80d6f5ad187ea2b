/** testyard coordinator: keeps the log, decides, serves the API; until Ctrl-C or SIGTERM. */
import type { Command } from "commander";
import { dataPlaces, type DataFlags } from "../data-dir.ts";
import { EXIT } from "../exit-codes.ts";
import { daysToMs, portNumber, secondsToMs } from "../flags.ts";
import { onInterrupt, untilAborted } from "../interrupt.ts";
import { say } from "../io.ts";
import { webhookFlags, webhookOptions, type WebhookFlags } from "../yard/webhook-flags.ts";
import { examples, type Finish } from "./common.ts";

interface Flags extends DataFlags, WebhookFlags {
  retentionDays?: number;
  host: string;
  port: number;
  coordinatorId?: string;
  heartbeatTimeout?: number;
}

export function registerCoordinator(program: Command, finish: Finish): void {
  const command = program
    .command("coordinator")
    .description("start a coordinator alone")
    .option("--host <address>", "where it listens; loopback only, for now", "127.0.0.1")
    .option("--port <n>", "0 for any free one", portNumber, 8080)
    .option("--db-path <file>", "DuckDB file of the results; default: in the data directory")
    .option("--data-dir <dir>", "log, blobs, key; default: <db-path>.yard, else the user's state folder")
    .option("--retention-days <n>", "keep logs, artifacts, workspaces so long; 0: for ever (30)", daysToMs)
    .option("--coordinator-id <id>", "its name in the log; default: from the host's name")
    .option("--heartbeat-timeout <s>", "silence after which a worker is suspect (10)", secondsToMs)
    .action(async (flags: Flags) => finish(await coordinate(flags)));
  examples(webhookFlags(command), [
    "testyard coordinator --db-path ./benchmark_db.duckdb",
    "testyard coordinator --port 0 --data-dir /var/lib/testyard",
  ]);
}

async function coordinate(flags: Flags): Promise<number> {
  const interrupt = onInterrupt();
  const { serve } = await import("../yard/serve.ts");
  const { createLogger } = await import("../../platform/index.ts");
  const { dataDir, dbPath } = dataPlaces(flags);
  const server = await serve({
    host: flags.host,
    port: flags.port,
    dataDir,
    dbPath,
    coordinatorId: flags.coordinatorId,
    webhooks: await webhookOptions(flags),
    suspectMs: flags.heartbeatTimeout,
    retentionMs: flags.retentionDays,
    logger: createLogger({ level: "info", json: false }),
  });
  say(`coordinator at ${server.url}, data in ${dataDir}`);
  say(`workers join with: testyard worker --coordinator ${server.url}`);
  const failure = await Promise.race([server.ended, untilAborted(interrupt.signal).then(() => null)]);
  if (failure !== null) throw failure;
  await server.close();
  return EXIT.passed;
}
