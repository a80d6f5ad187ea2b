/**
 * A program for tests: writes to a log as fast as it can and prints a line for each append that was answered.
 *
 *     saturate <dir>          appends without pause, eight under way at a time, until it is killed or refused
 *     fill <dir>              appends until it is refused; after SIGUSR2 once more
 *     break <dir>             appends until it is refused, and says what the handle answers from then on
 *     claim <dir>             claims the directory, says how that went, and lives until it is killed
 *     race <dir> <count>      appends to whatever tip it finds, `count` times, whoever else does the same
 *     follow <dir>            prints every record as it appears, opened for reading only
 */
import { readFileSync, writeSync } from "node:fs";
import type { LogInUse } from "./errors.ts";
import type { SealedRecord, Tip } from "./event-log.ts";
import { GENESIS } from "./fold.ts";
import { openLmdbLog } from "./lmdb.ts";
import { claimDirectory } from "./owner.ts";
import { recordAfter, tipOf } from "./records.testing.ts";

// Synchronous, so that an answer is either printed whole or was never given.
const print = (line: string): void => void writeSync(1, `${line}\n`);

process.on("unhandledRejection", (error) => print(`unhandled ${String(error)}`));

async function saturate(dir: string): Promise<void> {
  const log = await openLmdbLog({ dir });
  let tip: Tip = await log.tip();
  const underWay: { record: SealedRecord; done: ReturnType<typeof log.append> }[] = [];
  for (;;) {
    while (underWay.length < 8) {
      const record = recordAfter(tip, { size: 2_000 });
      tip = tipOf(record);
      const done = log.append(record);
      done.catch(() => {});
      underWay.push({ record, done });
    }
    const oldest = underWay.shift();
    if (oldest === undefined) continue;
    const { kind } = await oldest.done;
    print(`${kind} ${oldest.record.position} ${oldest.record.hash}`);
  }
}

/** One at a time, large, until there is no room; then it says what is there, and tries again on request. */
async function fill(dir: string): Promise<void> {
  const log = await openLmdbLog({ dir });
  try {
    for (;;) {
      const record = recordAfter(await log.tip(), { size: 60_000 });
      await log.append(record);
      print(`won ${record.position} ${record.hash}`);
    }
  } catch (error) {
    print(`refused ${(error as { code: string }).code} at ${(await log.tip()).position}`);
  }
  const alive = setInterval(() => {}, 1_000);
  await new Promise((resolve) => process.once("SIGUSR2", resolve));
  clearInterval(alive);
  const record = recordAfter(await log.tip(), { size: 60_000 });
  const { kind } = await log.append(record);
  print(`${kind} ${record.position} ${record.hash}`);
  await log.close();
}

async function breakDown(dir: string): Promise<void> {
  const log = await openLmdbLog({ dir });
  const codeOf = ({ code }: { code: string }): string => code;
  const tail = new Promise((resolve) => log.tail(1_000_000, () => {}, { onEnd: resolve }));
  let refusal: string | undefined;
  while (refusal === undefined) {
    const record = recordAfter(await log.tip(), { size: 60_000 });
    const result = await log.append(record).catch(codeOf);
    if (typeof result === "string") refusal = result;
    else print(`${result.kind} ${record.position} ${record.hash}`);
  }
  const again = await log.append(recordAfter(GENESIS)).catch(codeOf);
  const tip = await log.tip().catch(codeOf);
  print(`refused ${refusal} ${JSON.stringify([again, tip, codeOf((await tail) as { code: string })])}`);
  await log.close();
}

/** Field 22 of the process's line, behind a name that may hold anything. */
function startTimeOf(pid: number): string | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line.slice(line.lastIndexOf(")")).split(" ")[20] ?? null;
  } catch {
    return null;
  }
}

function claim(dir: string): void {
  setInterval(() => {}, 1_000);
  const { pid } = process;
  const pidStarted = startTimeOf(pid) ?? "";
  try {
    claimDirectory(dir, { pid, pidStarted, coordinatorId: `c${pid}`, now: Date.now(), startTimeOf });
    print("mine");
  } catch (error) {
    const { code, details } = error as LogInUse;
    print(`${code} ${details.pid}`);
  }
}

async function race(dir: string, count: number): Promise<void> {
  const log = await openLmdbLog({ dir });
  for (let i = 0; i < count; i++) {
    const record = recordAfter(await log.tip());
    const { kind } = await log.append(record);
    print(`${kind} ${record.position} ${record.hash}`);
  }
  await log.close();
}

async function follow(dir: string): Promise<void> {
  const log = await openLmdbLog({ dir, readOnly: true });
  log.tail(1, ({ position, hash }) => print(`${position} ${hash}`), {
    onEnd: (error) => print(`ended ${String(error)}`),
  });
  print("following");
}

const [mode, dir = "", count = "0"] = process.argv.slice(2);
if (mode === "saturate") await saturate(dir);
else if (mode === "fill") await fill(dir);
else if (mode === "break") await breakDown(dir);
else if (mode === "claim") claim(dir);
else if (mode === "race") await race(dir, Number(count));
else await follow(dir);
