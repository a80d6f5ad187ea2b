/** What is looked up when somebody asks: the yard as it stands, and this process. */
import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";

export interface MetricSources {
  version: string;
  epoch: () => number;
  tasksByState: () => Record<string, number>;
  workersByState: () => Record<string, number>;
  committedPosition: () => number;
  watermark: () => number;
  connections: () => Promise<number>;
  blobBytes: () => Promise<number>;
  freeBytes: () => Promise<number>;
}

export function addGauges(registry: Registry, sources: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read());
      },
    });
  byState(registry, {
    name: "testyard_tasks",
    help: "Tasks of the runs that are remembered, by state.",
    read: sources.tasksByState,
  });
  byState(registry, { name: "testyard_workers", help: "Workers by state.", read: sources.workersByState });
  gauge("testyard_leader_epoch", "Rises with every start of a leader.", sources.epoch);
  gauge("testyard_log_position", "The newest durable record of the log.", sources.committedPosition);
  gauge("testyard_results_lag_records", "Records that the results have still to take in.", () =>
    Math.max(0, sources.committedPosition() - sources.watermark()),
  );
  gauge("testyard_http_connections", "Open connections, WebSockets included.", sources.connections);
  gauge(
    "testyard_blob_bytes",
    "Bytes on disk in the blob store; looked up once a minute.",
    sources.blobBytes,
  );
  gauge("testyard_data_free_bytes", "Room left on the disk of the data directory.", sources.freeBytes);
  new Gauge({
    name: "testyard_build_info",
    help: "Always 1; says which version runs.",
    labelNames: ["version"],
    registers: [registry],
  }).set({ version: sources.version }, 1);
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}

/** Sums that say "total" like a counter, which Prometheus's own check refuses; their parts stay. */
const MISNAMED = ["handles", "requests", "resources"].map((what) => `nodejs_active_${what}_total`);

function byState(
  registry: Registry,
  { name, help, read }: { name: string; help: string; read: () => Record<string, number> },
): void {
  new Gauge({
    name,
    help,
    labelNames: ["state"],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(read())) this.set({ state }, count);
    },
  });
}
