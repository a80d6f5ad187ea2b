import { previousRun, runTaskPage } from "../../protocol/index.ts";
import { CURSOR, described, limit } from "./openapi/describe.ts";

export const MAX_TASKS = 1_000;

const group = "runs";
const params = { id: "The run's id." };

export const TASKS = described({
  id: "listRunTasks",
  group,
  summary: "The tasks of a run with all their attempts and the machines of these, oldest first",
  params,
  query: { limit: limit(MAX_TASKS), cursor: CURSOR },
  answers: runTaskPage,
  problems: ["run_unknown", "cursor_invalid", "results_unavailable"],
});
export const PREVIOUS = described({
  id: "getPreviousRun",
  group,
  summary: "The run to compare this one with",
  params,
  answers: previousRun,
  problems: ["run_unknown", "results_unavailable"],
});
