import { health, readiness } from "../../protocol/index.ts";
import { described } from "./openapi/describe.ts";

const group = "probes";

export const HEALTH = described({
  id: "getHealth",
  group,
  summary: "Whether the process lives",
  answers: health,
});
export const READY = described({
  id: "getReadiness",
  group,
  summary: "Whether work is taken, and if not, why",
  answers: readiness,
  problems: ["not_ready"],
});
export const METRICS = described({
  id: "getMetrics",
  group,
  summary: "Metrics in the text format of Prometheus",
  answers: { type: "text/plain", description: "See docs/reference/metrics.md." },
});
