/**
 * A program for tests: writes to a log as fast as it can and prints a line for each append that was answered.
 *
 *     saturate <dir>          appends without pause, eight under way at a time, until it is killed or refused
 *     fill <dir>              appends until it is refused; after SIGUSR2 once more
 *     race <dir> <count>      appends to whatever tip it finds, `count` times, whoever else does the same
 *     follow <dir>            prints every record as it appears, opened for reading only
 */
import { writeSync } from "node:fs";
import type { SealedRecord, Tip } from "./event-log.ts";
import { openLmdbLog } from "./lmdb.ts";
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
else if (mode === "race") await race(dir, Number(count));
else await follow(dir);
