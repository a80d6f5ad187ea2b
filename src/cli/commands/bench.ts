/** testyard bench: measures the yard itself on this machine, in a yard of its own. */
import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../flags.ts";
import { print, printJson, say } from "../io.ts";
import { examples, type Finish, printsJson } from "./common.ts";

interface Flags {
  tasks: number;
  workers: number;
  json?: true;
}

export function registerBench(program: Command, finish: Finish): void {
  const bench = program.command("bench").description("measure the yard itself, on this machine");
  const throughput = bench
    .command("throughput")
    .description("tasks that do nothing: what the yard itself costs")
    .option("--tasks <n>", "how many", wholeNumber(1, 10_000_000), 50_000)
    .option("--workers <n>", "worker processes", wholeNumber(1, 64), 4)
    .action(async (flags: Flags) => {
      const { benchThroughput } = await import("../bench/throughput.ts");
      show(await benchThroughput({ ...flags, onNote: say }), flags);
      finish(EXIT.passed);
    });
  examples(printsJson(throughput), ["testyard bench throughput --tasks 50000 --workers 4 --json"]);
  const spawn = bench
    .command("spawn")
    .description("real processes, beside a loop that only starts them")
    .option("--tasks <n>", "how many", wholeNumber(1, 1_000_000), 1_500)
    .option("--workers <n>", "worker processes", wholeNumber(1, 64), 2)
    .option("--slots <n>", "of each worker", wholeNumber(1, 256), 4)
    .action(async (flags: Flags & { slots: number }) => {
      const { benchSpawn } = await import("../bench/spawn.ts");
      show(await benchSpawn({ ...flags, onNote: say }), flags);
      finish(EXIT.passed);
    });
  examples(printsJson(spawn), ["testyard bench spawn --tasks 1000 --json"]);
  const query = bench
    .command("query")
    .description("a question over many results")
    .option("--attempts <n>", "how many attempts there are", wholeNumber(1, 10_000_000), 1_000_000)
    .action(async (flags: { attempts: number; json?: true }) => {
      const { benchQuery } = await import("../bench/query.ts");
      show(await benchQuery({ ...flags, onNote: say }), flags);
      finish(EXIT.passed);
    });
  examples(printsJson(query), ["testyard bench query --attempts 1000000 --json"]);
  registerReports(bench, finish);
  examples(bench, ["testyard bench throughput --tasks 50000 --workers 4", "testyard bench spawn"]);
}

function registerReports(bench: Command, finish: Finish): void {
  const reports = bench
    .command("reports")
    .description("the reports of one large run, in every format")
    .option("--cases <n>", "how many", wholeNumber(1, 1_000_000), 100_000)
    .action(async (flags: Flags & { cases: number }) => {
      const { benchReports } = await import("../bench/reports.ts");
      show(await benchReports(flags), flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reports), ["testyard bench reports --cases 100000 --json"]);
}

function show(report: object, { json }: Pick<Flags, "json">): void {
  if (json) return printJson(report);
  const lines = Object.entries(report).map(([name, value]) => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return `${name.replaceAll("_", " ").padEnd(30)} ${text}`;
  });
  print(lines.join("\n"));
}
