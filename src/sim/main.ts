/**
 * `npm run sim -- --seed N` replays one history; `--seeds N` runs that many from `--from` on and prints what
 * they met. A failure names its seed, and the seed gives the same history again.
 */
import { Coverage, SITUATIONS } from "./coverage.ts";
import { runHistory } from "./history.ts";

interface Arguments {
  from: number;
  seeds: number;
}

function parse(argv: readonly string[]): Arguments {
  const value = (flag: string): number | null => {
    const at = argv.indexOf(flag);
    if (at < 0) return null;
    const number = Number(argv[at + 1]);
    if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${flag} takes a whole number`);
    return number;
  };
  const unknown = argv.filter(
    (word) => word.startsWith("-") && !["--seed", "--seeds", "--from"].includes(word),
  );
  if (unknown.length > 0)
    throw new Error(`unknown flag ${unknown.join(" ")}; known: --seed N, --seeds N, --from N`);
  const seed = value("--seed");
  return seed === null
    ? { from: value("--from") ?? 1, seeds: value("--seeds") ?? 200 }
    : { from: seed, seeds: 1 };
}

async function main(): Promise<number> {
  const { from, seeds } = parse(process.argv.slice(2));
  const coverage = new Coverage();
  let [failed, events, faults, tasks] = [0, 0, 0, 0];
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const report = await runHistory(seed);
      coverage.add(report.coverage);
      events += report.events;
      faults += report.faults;
      tasks += report.tasks;
      if (seeds === 1) console.log(`seed ${seed}: ${JSON.stringify({ ...report, coverage: undefined })}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
      console.log(`  replay: npm run sim -- --seed ${seed}`);
    }
  }
  const missing = seeds >= 100 ? coverage.missing() : [];
  for (const situation of SITUATIONS)
    console.log(`  ${String(coverage.count(situation)).padStart(6)}  ${situation}`);
  for (const situation of missing) console.log(`FAILED never reached: ${situation}`);
  console.log(`${seeds} histories, ${tasks} tasks, ${events} events, ${faults} faults`);
  const bad = failed + missing.length;
  console.log(`${seeds - failed} passed, ${bad} failed, 0 skipped`);
  return bad === 0 ? 0 : 1;
}

process.exitCode = await main();
