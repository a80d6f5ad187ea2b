export { EventMetrics } from "./event-metrics.ts";
export { addGauges, type MetricSources } from "./gauges.ts";
export { countRequests, httpMetrics } from "./http-metrics.ts";
