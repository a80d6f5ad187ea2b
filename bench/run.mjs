// Testyard beside its peers: no-op tasks, durable before they are acknowledged, from the submission of the
// first to the end of the last. The sides take turns in the same run: on a shared machine one run cannot be
// compared with another.
//
// Exit code: 0 complete, 1 counts differ, 2 usage, 3 something failed or is not installed, 130 interrupted.
import { rmSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { readFlags, USAGE, UsageError } from "./lib/flags.mjs";
import { Programs } from "./lib/programs.mjs";
import { ratios, summarise, table } from "./lib/summary.mjs";
import { bullmq } from "./sides/bullmq.mjs";
import { graphileWorker } from "./sides/graphile-worker.mjs";
import { testyard } from "./sides/testyard.mjs";

const SIDES = [testyard, graphileWorker, bullmq];
const TMPFS = 0x01021994;
const TURN_LIMIT_MS = 5 * 60_000;
const say = (text) => console.error(text);

async function main(flags) {
  const programs = new Programs();
  const interrupted = whenInterrupted().then(() => "interrupted");
  const done = runAll(programs, flags);
  done.catch(() => {}); // what an interrupt breaks off is no failure
  try {
    return (await Promise.race([done, interrupted])) === "interrupted" ? 130 : await done;
  } catch (error) {
    say(error.message);
    return 3;
  } finally {
    await programs.close();
  }
}

function whenInterrupted() {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, resolve);
  });
}

async function runAll(programs, { tasks, rounds, sides, json }) {
  warnOfMemoryDisk();
  const skipped = sides.flatMap((side) => ({ name: side.name, why: side.missing() })).filter((it) => it.why);
  for (const { why } of skipped) say(`SKIP ${why}`);
  const present = sides.filter(({ name }) => !skipped.some((it) => it.name === name));
  const turns = await takeTurns(programs, { tasks, rounds, sides: present });
  const summaries = present.map((side) => summarise(side, turns.get(side.name)));
  const report = { ...surroundings(), tasks, rounds, sides: summaries, ratios: ratios(summaries), skipped };
  console.log(json ? JSON.stringify(report, null, 2) : printed(report));
  if (!summaries.every((side) => side.counts_agree)) return 1;
  return skipped.length > 0 ? 3 : 0;
}

async function takeTurns(programs, { tasks, rounds, sides }) {
  const turns = new Map(sides.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const side of sides) {
      const { settings } = side;
      const folder = programs.folder();
      const turn = await limited(side, { programs, folder, tasks, settings });
      const killed = await programs.stopAll();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      if (killed.length > 0) say(`had to be killed: ${killed.join(", ")}`);
      turns.get(side.name).push(turn);
      const rate = Math.round(tasks / turn.seconds);
      say(
        `round ${round} of ${rounds}: ${side.name} ${rate} tasks/s, ${turn.completed} of ${tasks} completed`,
      );
    }
  }
  return turns;
}

/** A side that hangs says so rather than nothing for ever. */
async function limited(side, circumstances) {
  const limit = new AbortController();
  const late = sleep(TURN_LIMIT_MS, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`it has not ended its turn in ${TURN_LIMIT_MS / 60_000} minutes`);
  });
  late.catch(() => {}); // cut short when the turn ends first
  const turn = side.turn(circumstances);
  turn.catch(() => {}); // its programs are ended when it is late
  try {
    return await Promise.race([turn, late]);
  } catch (error) {
    throw new Error(`${side.name}: ${error.message}`, { cause: error });
  } finally {
    limit.abort();
  }
}

const surroundings = () => ({ node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model });

function warnOfMemoryDisk() {
  const folder = tmpdir();
  if (statfsSync(folder).type === TMPFS) say(`${folder} is memory: flushes cost nothing there; set TMPDIR`);
}

function printed(report) {
  const how = report.sides.map(({ name, how: text, settings }) => {
    const values = Object.entries(settings).map((pair) => pair.join(" "));
    return `${name}: ${text}; ${values.join(", ")}`;
  });
  const head = `${report.tasks} no-op tasks a turn, medians of ${report.rounds}, ${report.cores} cores`;
  return [head, "", table(report), "", ...how].join("\n");
}

try {
  const flags = readFlags(process.argv.slice(2), SIDES);
  if (flags.help) console.log(USAGE);
  else process.exitCode = await main(flags);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
