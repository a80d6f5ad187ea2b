/**
 * What a state says about the world, as one hash: recorded beside a recorded log, it must never change.
 * Written out field by field, so that a new field of the state, or another form of the snapshot, does not
 * change it.
 */
import { createHash } from "node:crypto";
import type { State, Task, Worker } from "../core/index.ts";

export function digestOf(state: State): string {
  return createHash("sha256")
    .update(JSON.stringify(inWords(state)))
    .digest("hex");
}

function inWords(state: State): unknown[] {
  const { position, at, epoch, clusterId, nextSeq, queuedCount } = state;
  return [
    [position, at, epoch, clusterId, nextSeq, queuedCount, state.leader?.coordinator_id],
    [...state.runs.values()].map(({ run_id, run_key, counts, total }) => [run_id, run_key, counts, total]),
    [...state.tasks.values()].map(task),
    [...state.workers.values()].map(worker),
    [...state.idempotency].map(([key, { body_hash, count }]) => [key, body_hash, count]),
    [...state.concurrencyKeys],
    [...state.submissions.keys()],
    [...state.ended].map(({ spec }) => spec.task_id),
  ];
}

function task({
  spec,
  seq,
  status,
  attempts,
  retriesUsed,
  infrastructureLosses,
  tookDown,
  unmet,
}: Task): unknown {
  const waiting = "waits_for" in status ? status.waits_for : null;
  const end = "ended_at" in status ? status.ended_at : null;
  const counts = [attempts, retriesUsed, infrastructureLosses, unmet];
  return [spec.task_id, spec.dependencies, seq, status.state, waiting, end, counts, tookDown];
}

function worker({
  worker_id,
  incarnation,
  status,
  cordoned,
  held,
  freeCpuMilli,
  freeMemoryMb,
}: Worker): unknown {
  const leases = [...held].map(([id, { lease }]) => [id, lease.attempt, lease.slot]);
  return [worker_id, incarnation, status.state, cordoned !== null, leases, freeCpuMilli, freeMemoryMb];
}
