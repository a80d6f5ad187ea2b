/** testyard explain TASK: why it waits, worker by worker, or why it ran where it did. */
import type { Command } from "commander";
import type { Explanation, PlacedAttempt, TaskExplanation } from "../../protocol/index.ts";
import { oneLine } from "../../reports/index.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson } from "../io.ts";
import { whyNot } from "../run/unplaceable.ts";
import { duration, table } from "../table.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

export function registerExplain(program: Command, finish: Finish): void {
  const command = program
    .command("explain <task>")
    .description("why a task waits, or why it ran where it did")
    .action(async (id: string, flags: ClientFlags) => {
      const explanation = await (await clientOf(flags)).explain(id);
      if (flags.json) printJson(explanation);
      else print(explanationText(explanation));
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), ["testyard explain 01J…", "testyard explain 01J… --json"]);
}

export function explanationText({
  task_id,
  name,
  state,
  summary,
  workers,
  attempts,
}: TaskExplanation): string {
  const parts = [`${task_id}  ${oneLine(name)}`, `${state}: ${oneLine(summary)}`];
  if (workers.length > 0) {
    parts.push("", table(["WORKER", "VERDICT", "WHY"], nearestFirst(workers).map(verdictRow)));
  }
  if (attempts.length > 0) {
    parts.push("", table(["ATTEMPT", "WORKER", "WAITED", "RAN", "OUTCOME"], attempts.map(attemptRow)));
  }
  return parts.join("\n");
}

type Verdict = Explanation["workers"][number];

const ORDER: readonly Verdict["verdict"][] = ["fits", "busy", "not_available", "does_not_fit"];

/** What would have to change least stands first. */
export function nearestFirst(workers: readonly Verdict[]): Verdict[] {
  const rank = ({ verdict, reasons }: Verdict): number => ORDER.indexOf(verdict) * 1_000 + reasons.length;
  return [...workers].sort((a, b) => rank(a) - rank(b));
}

function verdictRow(worker: Verdict): string[] {
  const why = worker.verdict === "fits" ? "has room" : whyNot(worker);
  return [worker.worker_id, worker.verdict.replaceAll("_", " "), why];
}

const WAITS = { dependencies: "for dependencies", retry: "for the retry", worker: "for a worker" } as const;

function attemptRow({ attempt, worker_id, waited, duration_ms, state, reason }: PlacedAttempt): string[] {
  const waits = waited.map(({ for: what, ms }) => `${duration(ms)} ${WAITS[what]}`).join(", ");
  const ran = duration_ms === null ? "-" : duration(duration_ms);
  const outcome = state.replaceAll("_", " ");
  return [String(attempt), worker_id, waits || "-", ran, reason === null ? outcome : `${outcome}: ${reason}`];
}
