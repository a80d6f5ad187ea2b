/** What watches a coordinator: whether it lives, whether it takes work, and how it is doing in numbers. */
import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { addGauges, countRequests, httpMetrics } from "../metrics/index.ts";
import type { HttpContext } from "./context.ts";
import { HEALTH, METRICS, READY } from "./probes.api.ts";
import { readinessOf } from "./readiness.ts";
import { refusal } from "./refusal.ts";
import { countTasks } from "./task-view.ts";
import { workerViews } from "./worker-view.ts";

export function probeRoutes(app: FastifyInstance, context: HttpContext): void {
  const { registry } = context.metrics;
  countRequests(app, httpMetrics(registry));
  addGauges(registry, sourcesOf(app, context));
  app.get("/healthz", HEALTH, async () => ({ status: "ok" }));
  app.get("/readyz", READY, async () => {
    const checks = await readinessOf(context);
    const failed = checks.filter(({ ready }) => !ready);
    if (failed.length === 0) return { status: "ready", checks };
    const reasons = failed.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
    throw refusal("not_ready", reasons, { details: { checks } });
  });
  app.get("/metrics", METRICS, async (_request, reply) => {
    const text = await registry.metrics();
    return reply.type(registry.contentType).send(text);
  });
}

function sourcesOf(app: FastifyInstance, context: HttpContext): Parameters<typeof addGauges>[1] {
  const { loop } = context.coordinator;
  return {
    version: context.version,
    epoch: () => loop.state.epoch,
    tasksByState: () => countTasks(loop.state),
    workersByState: () => workersByState(context),
    committedPosition: () => loop.committedPosition,
    watermark: () => context.results.status().watermark,
    connections: () =>
      new Promise((resolve) => app.server.getConnections((error, count) => resolve(error ? 0 : count))),
    blobBytes: remembered(context, () => bytesBelow(join(context.dataDir, "blobs"))),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(context.dataDir);
      return bavail * bsize;
    },
  };
}

function workersByState(context: HttpContext): Record<string, number> {
  const counts: Record<string, number> = { online: 0, suspect: 0, disconnected: 0, lost: 0 };
  for (const { state } of workerViews(context, context.coordinator.loop.state)) {
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

const REMEMBERED_MS = 60_000;

/** Looking through a large store for every scrape would cost more than the figure is worth. */
function remembered({ clock }: HttpContext, look: () => Promise<number>): () => Promise<number> {
  let value: Promise<number> | null = null;
  let until = 0;
  return () => {
    if (value === null || clock.monotonic() > until) {
      until = clock.monotonic() + REMEMBERED_MS;
      value = look();
    }
    return value;
  };
}

async function bytesBelow(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  let sum = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    // One that is gone by now counts for nothing.
    sum += await stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return sum;
}
