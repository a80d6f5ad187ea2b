import { sqlAnswer, sqlInput } from "../../protocol/index.ts";
import { described } from "./openapi/describe.ts";

export const QUERY = described({
  id: "query",
  group: "results",
  summary: "Asks the results with one SELECT",
  takes: sqlInput,
  answers: sqlAnswer,
  problems: ["sql_refused", "sql_failed", "sql_timeout", "sql_memory", "results_unavailable"],
});
