/**
 * Who runs what: an advisor. It looks at the state and proposes placements; `decide` checks each again, so a
 * mistake here costs time or fairness, never safety.
 */
import { explain } from "./explain.ts";
import { createFits } from "./feasibility.ts";
import { plan } from "./plan.ts";
import type { Scheduler, SchedulerOptions } from "./view.ts";

export type * from "./view.ts";

/** What it remembers between calls hangs weakly on classes and workers of the state, and goes with them. */
export function createScheduler(options: SchedulerOptions = {}): Scheduler {
  const fits = createFits();
  const workspaceOf = options.workspaceOf ?? (() => null);
  return {
    plan: (view, { limit }) => plan(view, { limit, fits, workspaceOf }),
    explain: (view, taskId) => explain(view, taskId),
  };
}
