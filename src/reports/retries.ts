/**
 * Tasks that repeat others of the same run: the newest try decides.
 *
 * Its cases take the place of all that earlier tries reported; one that ran only some cases takes the place
 * of just those. A try that reported nothing leaves the cases as they were, and stands beside them with its
 * own end. The listing of a run's cases (results/case-list.ts) follows the same rule in SQL.
 */
import { casesOf, isFailure } from "./cases.ts";
import type { TaskFacts } from "./facts.ts";
import type { CaseReport } from "./model.ts";

/** Tries of one task, oldest first. */
export type Chain = [TaskFacts, ...TaskFacts[]];

/** Every task once, in the order of the first tries. */
export function chainsOf(tasks: readonly TaskFacts[]): Chain[] {
  const known = new Set(tasks.map(({ task_id }) => task_id));
  const retries = new Map<string, TaskFacts>();
  const firsts: TaskFacts[] = [];
  for (const task of tasks) {
    const old = task.retry_of ?? null;
    if (old !== null && known.has(old)) retries.set(old, task);
    else firsts.push(task);
  }
  return firsts.map((first) => {
    const chain: Chain = [first];
    let next = retries.get(first.task_id);
    for (; next !== undefined; next = retries.get(next.task_id)) chain.push(next);
    return chain;
  });
}

export function newestOf(chain: Chain): TaskFacts {
  return chain.at(-1) ?? chain[0];
}

export function casesOfChain([first, ...later]: Chain): CaseReport[] {
  let cases = casesOf(first);
  for (const task of later)
    cases = replaced(cases, { by: casesOf(task), isPartial: task.is_partial === true });
  return cases;
}

function replaced(
  before: readonly CaseReport[],
  { by, isPartial }: { by: readonly CaseReport[]; isPartial: boolean },
): CaseReport[] {
  const ids = new Set(by.flatMap(({ test_id }) => test_id ?? []));
  const isWhole = !isPartial && ids.size > 0;
  // A case without an id stood for the end of that try, which the new one takes the place of.
  const kept = before.filter(({ test_id }) => !isWhole && test_id !== null && !ids.has(test_id));
  const failedBefore = new Set(before.filter((it) => isFailure(it.outcome)).map(({ test_id }) => test_id));
  const now = by.map((it) =>
    it.outcome === "passed" && failedBefore.has(it.test_id) ? { ...it, flaky: true } : it,
  );
  return [...kept, ...now];
}
