/** Workers as the API shows them: what the log knows, and what only this leader has heard. */
import type { State, Worker } from "../../core/index.ts";
import type { WorkerView } from "../../protocol/index.ts";
import type { HttpContext } from "./context.ts";

export function workerViews(context: HttpContext, state: State): WorkerView[] {
  return [...state.workers.values()].map((worker) => workerView(context, worker));
}

export function workerView({ coordinator, clock }: HttpContext, worker: Worker): WorkerView {
  const { worker_id, incarnation, slots, labels, capabilities, hw_class, registered_at } = worker;
  const seen = coordinator.liveness.sighting(worker_id);
  return {
    worker_id,
    incarnation,
    state: connectionOf(worker, seen),
    cordoned: worker.cordoned?.reason ?? null,
    slots,
    busy: worker.held.size,
    labels,
    capabilities,
    hw_class,
    registered_at,
    last_heard_seconds: seen === undefined ? null : Math.round((clock.monotonic() - seen.heardAt) / 1000),
    tasks: [...worker.held.keys()],
    load:
      seen?.load === undefined
        ? null
        : { cpu_share: seen.load.cpu, memory_free_mb: seen.load.memory_free_mb },
  };
}

function connectionOf(
  { status }: Worker,
  seen: { connected: boolean; suspect: boolean } | undefined,
): WorkerView["state"] {
  if (status.state === "lost") return "lost";
  if (seen?.suspect === true) return "suspect";
  return seen?.connected === true ? "online" : "disconnected";
}
