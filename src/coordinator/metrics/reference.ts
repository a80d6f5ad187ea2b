/** docs/reference/metrics.md, made from the metrics themselves. */
import { EventMetrics } from "./event-metrics.ts";
import { addGauges, type MetricSources } from "./gauges.ts";
import { httpMetrics } from "./http-metrics.ts";

const nothing = () => ({});
const zero = () => 0;
const later = () => Promise.resolve(0);

/** Never looked up: only what the metrics are called is asked for. */
const SOURCES: MetricSources = {
  version: "",
  epoch: zero,
  tasksByState: nothing,
  workersByState: nothing,
  committedPosition: zero,
  watermark: zero,
  connections: later,
  blobBytes: later,
  freeBytes: later,
};

const HEAD = `# Metrics

What \`GET /metrics\` of a coordinator answers, in the text format of Prometheus. It needs no key. How to
scrape it: [observe](../how-to/observe.md).

This page is made from the code: \`npm run docs\`.

| metric | type | labels | what it is |
|---|---|---|---|
`;

const TAIL = `
Beside these stand the usual \`process_*\` and \`nodejs_*\` metrics of the coordinator's process, among them
\`nodejs_eventloop_lag_p99_seconds\`: how late the loop that decides gets its turn.
`;

export async function metricsReference(): Promise<string> {
  const { registry } = new EventMetrics();
  httpMetrics(registry);
  addGauges(registry, SOURCES);
  const metrics = (await registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith("testyard_"));
  const rows = metrics.map(({ name, type, help }) => {
    const { labelNames = [] } = registry.getSingleMetric(name) as { labelNames?: string[] };
    const labels = labelNames.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${String(type)} | ${labels} | ${help} |\n`;
  });
  return `${HEAD}${rows.sort().join("")}${TAIL}`;
}
