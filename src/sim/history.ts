/** One seed, one history: a yard, its clients and its faults, run to the end and checked. */
import { assert, checkSettled } from "../core/index.ts";
import { Coverage } from "./coverage.ts";
import { Faults } from "./faults.ts";
import { Workload } from "./workload.ts";
import { Yard } from "./yard.ts";

export interface HistoryReport {
  seed: number;
  events: number;
  steps: number;
  faults: number;
  tasks: number;
  virtualMs: number;
  coverage: Coverage;
  /** Equal for equal seeds. */
  fingerprint: string;
}

const FAULTS_UNTIL_MS = 60_000;
/** A healthy yard finishes well before. */
const LIMIT_MS = 900_000;

export async function runHistory(seed: number): Promise<HistoryReport> {
  const failures: unknown[] = [];
  const note = (cause: unknown): void => void failures.push(cause);
  process.on("unhandledRejection", note);
  try {
    const report = await run(seed, () => {
      if (failures.length > 0) throw failures[0];
    });
    return report;
  } finally {
    process.off("unhandledRejection", note);
  }
}

/** @param check throws what went wrong where nobody could catch it */
async function run(seed: number, check: () => void): Promise<HistoryReport> {
  const coverage = new Coverage();
  const yard = new Yard(seed, coverage);
  const slots = 1 + yard.prng.below(3);
  const workload = new Workload(yard);
  const faults = new Faults(yard, workload, {
    count: 5 + yard.prng.below(6),
    untilMs: FAULTS_UNTIL_MS,
    slots,
  });
  await yard.bootCoordinator();
  for (let i = 0; i < 2 + yard.prng.below(3); i++) yard.addWorker({ slots });
  workload.plan({ submissions: 4 + yard.prng.below(6), overMs: 40_000 });
  faults.schedule();
  await yard.time.runUntil(() => {
    check();
    return false;
  }, FAULTS_UNTIL_MS);
  faults.mend();
  const isDone = (): boolean => {
    check();
    return workload.allAnswered && isQuiet(yard);
  };
  const done = await yard.time.runUntil(isDone, LIMIT_MS);
  assert(done, () => `after ${LIMIT_MS / 1000} s of health: ${describe(yard)}`);
  const state = yard.coordinator?.loop.state;
  assert(state !== undefined, "a coordinator leads at the end");
  checkSettled(state);
  yard.checker.checkEnd(state, await yard.foldedState());
  return {
    seed,
    events: yard.checker.events,
    steps: yard.time.steps,
    faults: faults.injected,
    tasks: yard.checker.taskCount,
    virtualMs: yard.time.now,
    coverage,
    fingerprint: `${yard.checker.committedPosition} ${yard.checker.events} ${Math.round(yard.time.now)}`,
  };
}

/**
 * Nothing is on its way: no attempt out, no result undelivered, nothing uncommitted, every task ended or
 * stuck.
 */
function isQuiet(yard: Yard): boolean {
  const { coordinator, workers, checker } = yard;
  if (coordinator === null || !yard.coordinatorNode.isUp) return false;
  const { state } = coordinator.loop;
  if (!coordinator.loop.isSettled) return false;
  if (workers.some(({ agent }) => agent === null || agent.held.length > 0)) return false;
  for (const id of checker.open) {
    const kind = state.tasks.get(id)?.status.state;
    if (kind !== "poisoned" && kind !== "pending") return false;
  }
  return [...state.workers.values()].every(({ held }) => held.size === 0) && state.retrying.size === 0;
}

function describe(yard: Yard): string {
  const { coordinator, workers, checker } = yard;
  const open = checker.open.map(
    (id) => `${id} is ${JSON.stringify(coordinator?.loop.state.tasks.get(id)?.status)}`,
  );
  const held = workers.map(({ id, agent, node }) => `${id}: ${JSON.stringify(agent?.held)} up=${node.isUp}`);
  const known = [...(coordinator?.loop.state.workers.values() ?? [])];
  const seen = known.map(
    ({ worker_id, status, held: leases }) => `${worker_id} ${status.state} holds ${leases.size}`,
  );
  return [...open, ...held, ...seen].join("\n  ");
}
