/**
 * npm run demo: a yard on this machine, the sample suites of three frameworks through it, the results and a
 * live page to look at. Two of the samples fail on purpose, so failing tests are what it expects: it ends
 * well when the run came to a verdict at all.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { troubleOf } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { onInterrupt, untilAborted } from "./interrupt.ts";
import { complain, endQuietlyOnClosedPipe, paintFor, say } from "./io.ts";
import { runIn } from "./run/run.ts";
import { defaultSlots, startYard } from "./yard/yard.ts";

const SUITES = fileURLToPath(new URL("../../examples/suites", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
const WORKERS = 2;

async function demo(): Promise<number> {
  const interrupt = onInterrupt();
  const stays = process.stdin.isTTY && !process.argv.includes("--once");
  const folder = await mkdtemp(join(tmpdir(), "testyard-demo-"));
  const paint = paintFor(process.stderr);
  const yard = await startYard({
    port: 0,
    dataDir: join(folder, "yard"),
    workers: WORKERS,
    slots: defaultSlots(WORKERS),
    // The sample of vitest has no packages of its own and uses the one that this project is tested with.
    workerEnv: { PATH: [PROGRAMS, process.env["PATH"] ?? ""].join(delimiter) },
    onNote: say,
  });
  try {
    say(`${paint("bold", "live page")}  ${yard.url}/`);
    const code = await runIn(
      {
        client: yard.client,
        slots: yard.slots,
        coordinator: stays ? { flag: ` --coordinator ${yard.url}` } : null,
      },
      {
        workspace: SUITES,
        paths: [SUITES],
        flags: { retries: 1, placementTimeout: 60_000, order: "longest", since: "HEAD" },
        signal: interrupt.signal,
      },
    );
    if (code === EXIT.testsFailed)
      say("The samples hold failing tests on purpose: this is what a failure looks like.");
    if (stays && !interrupt.signal.aborted) {
      say(`${paint("bold", "live page")}  ${yard.url}/   Ctrl-C stops the demo`);
      await untilAborted(interrupt.signal);
    }
    return code === EXIT.testsFailed ? EXIT.passed : code;
  } finally {
    await yard.close();
    await rm(folder, { recursive: true, force: true });
  }
}

endQuietlyOnClosedPipe();
try {
  process.exitCode = await demo();
} catch (error) {
  const trouble = troubleOf(error);
  complain(trouble, { json: false });
  process.exitCode = trouble.exit;
}
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
