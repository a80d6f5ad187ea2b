/** Requests by the route that took them: a label never holds what a caller wrote. */
import type { FastifyInstance } from "fastify";
import { Counter, Histogram, type Registry } from "prom-client";

const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export interface HttpMetrics {
  answered(request: { method: string; route: string; status: number; durationMs: number }): void;
}

export function httpMetrics(registry: Registry): HttpMetrics {
  const requests = new Counter({
    name: "testyard_http_requests_total",
    help: "Requests by route and status.",
    labelNames: ["method", "route", "status"],
    registers: [registry],
  });
  const durations = new Histogram({
    name: "testyard_http_request_duration_seconds",
    help: "From a request's first line to the end of its answer, by route; streams last as long as they do.",
    labelNames: ["route"],
    buckets: BUCKETS_S,
    registers: [registry],
  });
  return {
    answered({ method, route, status, durationMs }) {
      requests.inc({ method, route, status });
      durations.observe({ route }, durationMs / 1000);
    },
  };
}

export function countRequests(app: FastifyInstance, metrics: HttpMetrics): void {
  app.addHook("onResponse", async (request, reply) => {
    const { url = "none", config } = request.routeOptions;
    const route = config.api === undefined && !url.startsWith("/docs") ? "none" : url.replace(/\*$/, "");
    const { statusCode: status, elapsedTime: durationMs } = reply;
    metrics.answered({ method: request.method, route, status, durationMs });
  });
}
