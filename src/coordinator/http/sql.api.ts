import { emptyInput, rebuildStatus, sqlAnswer, sqlInput } from "../../protocol/index.ts";
import { described } from "./openapi/describe.ts";

export const QUERY = described({
  id: "query",
  group: "results",
  summary: "Asks the results with one SELECT",
  takes: sqlInput,
  answers: sqlAnswer,
  problems: ["sql_refused", "sql_failed", "sql_timeout", "sql_memory", "results_unavailable"],
});

export const REBUILD = described({
  id: "rebuildResults",
  group: "results",
  summary: "Makes the results anew from the log; until that is done they answer `results_unavailable`",
  takes: emptyInput,
  isBodyOptional: true,
  answers: rebuildStatus,
});
export const REBUILT = described({
  id: "getRebuild",
  group: "results",
  summary: "How far the latest rebuild of the results is",
  answers: rebuildStatus,
});
