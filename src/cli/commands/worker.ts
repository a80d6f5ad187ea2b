/** testyard worker: runs attempts for a coordinator. */
import type { Command } from "commander";
import type { Executor } from "../../worker/index.ts";
import { DEFAULT_URL, findKey, httpUrl } from "../connection.ts";
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { addresses, keyValue, secondsToMs, sizeInBytes, wholeNumber } from "../flags.ts";
import { examples, type Finish } from "./common.ts";

interface Flags {
  coordinator?: string[];
  dataDir?: string;
  clientKey?: string;
  workerId?: string;
  workDir?: string;
  slots?: number;
  label?: Record<string, string>;
  cacheSize?: number;
  reconnectInterval?: number;
}

export function registerWorker(program: Command, finish: Finish): void {
  const command = program
    .command("worker")
    .description("start a worker for a coordinator")
    .option("--coordinator <urls>", "http or ws addresses, parted by commas, tried in turn", addresses)
    .option("--data-dir <dir>", "data directory of the yard, for its key (or TESTYARD_CLIENT_KEY)")
    .option(
      "--worker-id <id>",
      "name of this worker; default: from the host's name, kept in the work directory",
    )
    .option("--work-dir <dir>", "cache, logs on their way, results not yet delivered")
    .option("--slots <n>", "attempts at a time; default: one for each core", wholeNumber(1, 4096))
    .option("--label <name=value>", "something to ask for in requirements; may be repeated", keyValue)
    .option("--cache-size <size>", "limit of the workspace cache, such as 20G (default)", sizeInBytes)
    .option("--reconnect-interval <s>", "first wait before connecting again; grows up to 30", secondsToMs)
    .action(async (flags: Flags) => {
      await work(flags);
      finish(EXIT.passed);
    });
  examples(command, [
    "testyard worker                                  # for the coordinator on this machine",
    "testyard worker --coordinator http://127.0.0.1:8080 --slots 4 --label rack=b2",
  ]);
}

async function work(flags: Flags): Promise<void> {
  const urls = (flags.coordinator ?? [DEFAULT_URL]).map(httpUrl);
  const key = await findKey(urls[0] ?? "", flags);
  if (key === null) throw noKey(urls[0] ?? "");
  const [{ runWorker }, { createLogger }] = await Promise.all([
    import("../../worker/index.ts"),
    import("../../platform/index.ts"),
  ]);
  const executor = await benchExecutor();
  await runWorker({
    urls,
    key,
    logger: createLogger({ level: "info", json: false }),
    workerId: flags.workerId,
    workDir: flags.workDir,
    slots: flags.slots,
    labels: flags.label,
    cacheBytes: flags.cacheSize,
    reconnectMs: flags.reconnectInterval,
    executor,
    ownedByStdin: process.env["TESTYARD_OWNED"] === "1",
  });
}

/** Only `testyard bench throughput` sets the variable, for workers of its own. */
async function benchExecutor(): Promise<Executor | undefined> {
  if (process.env["TESTYARD_BENCH_NOOP"] !== "1") return undefined;
  const { createNoopExecutor } = await import("../bench/noop-executor.ts");
  return createNoopExecutor();
}

function noKey(url: string): CliError {
  return new CliError({
    code: "client_key_missing",
    exit: EXIT.authentication,
    message: `no key for the coordinator at ${url}: none runs there on this machine for this user`,
    next: "start one with testyard coordinator, or give its --data-dir, or set TESTYARD_CLIENT_KEY",
  });
}
