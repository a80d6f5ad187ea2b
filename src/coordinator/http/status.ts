/** What the yard is doing as a whole. */
import type { FastifyInstance } from "fastify";
import type { State } from "../../core/index.ts";
import type { DashboardView, StatusView } from "../../protocol/index.ts";
import { readCommitted, fresh, sendCommitted } from "./answers.ts";
import type { HttpContext } from "./context.ts";
import { readQuery } from "./query.ts";
import { newestRuns } from "./run-view.ts";
import { DASHBOARD, STATUS } from "./status.api.ts";
import { newestTasks } from "./task-list.ts";
import { countTasks, createReasons, taskView } from "./task-view.ts";
import { workerViews } from "./worker-view.ts";

const DASHBOARD_TASKS = 50;
const DASHBOARD_RUNS = 20;

export function statusRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/status", STATUS, async (request, reply) => {
    readQuery(request, ["consistent"]);
    return sendCommitted(context, reply, (state) => statusView(context, state));
  });
  app.get("/api/dashboard", DASHBOARD, async (request, reply) => {
    readQuery(request, ["consistent"]);
    const { value, position } = await readCommitted(context, (state) => overview(context, state));
    return fresh(context, reply, position).send(value);
  });
}

export function statusView(context: HttpContext, state: State): StatusView {
  const {
    clock,
    results,
    version,
    clusterId: cluster_id,
    coordinatorId: coordinator_id,
    startedAt,
  } = context;
  const position = state.position - 1;
  const { watermark, failed } = results.status();
  return {
    version,
    cluster_id,
    coordinator_id,
    role: "leader",
    epoch: state.epoch,
    position,
    uptime_seconds: Math.floor((clock.monotonic() - startedAt) / 1000),
    tasks: countTasks(state),
    workers: countWorkers(context, state),
    results: { watermark, behind: Math.max(0, position - watermark), failed },
  };
}

function countWorkers({ coordinator }: HttpContext, state: State): StatusView["workers"] {
  const counts = { online: 0, connected: 0, lost: 0 };
  for (const { worker_id, status } of state.workers.values()) {
    counts[status.state] += 1;
    if (coordinator.liveness.sighting(worker_id)?.connected === true) counts.connected += 1;
  }
  return counts;
}

/** From memory alone. */
export function overview(context: HttpContext, state: State): DashboardView {
  const reasonOf = createReasons(context.coordinator);
  return {
    status: statusView(context, state),
    workers: workerViews(context, state),
    tasks: newestTasks(state, { limit: DASHBOARD_TASKS }).map((task) => taskView(task, reasonOf(task))),
    runs: newestRuns(state, { limit: DASHBOARD_RUNS }),
  };
}
