/**
 * What a run amounts to. A machine that failed is worse news than a test that failed, because then nobody
 * knows about the tests; so the first of these that applies decides: infrastructure, nothing ran, failed,
 * passed.
 */
import { isEndState } from "../core/index.ts";
import type { TaskFacts } from "./facts.ts";
import type { Totals, Verdict } from "./model.ts";

export function verdict(tasks: readonly TaskFacts[], totals: Totals): Verdict {
  const broken = tasks.filter(brokeDown);
  if (broken.length > 0) {
    const why = `${count(broken.length, "task")} could not be carried out`;
    return { result: "infrastructure", exit_code: 3, why };
  }
  const unplaced = tasks.filter(({ state, attempts }) => !isEndState(state) && attempts.length === 0);
  if (unplaced.length > 0) {
    const why = `${count(unplaced.length, "task")} found no worker`;
    return { result: "nothing_ran", exit_code: 7, why };
  }
  if (tasks.length === 0 && totals.cases === 0) {
    return { result: "nothing_ran", exit_code: 7, why: "no test was found" };
  }
  const bad = totals.failed + totals.error;
  const stopped = tasks.filter(({ state }) => state !== "completed").length;
  if (bad > 0)
    return { result: "failed", exit_code: 1, why: `${bad} of ${count(totals.cases, "case")} failed` };
  if (stopped > 0) {
    return { result: "failed", exit_code: 1, why: `${count(stopped, "task")} did not succeed` };
  }
  return { result: "passed", exit_code: 0, why: `${count(totals.cases, "case")} passed or skipped` };
}

/** Ended by us and not by the test: worn out by lost workers, or held back as dangerous to them. */
function brokeDown({ state, attempts }: TaskFacts): boolean {
  if (state === "poisoned") return true;
  const last = attempts.at(-1)?.outcome;
  return state === "failed" && (last === "lost" || last === "infrastructure" || last === "cancelled");
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
