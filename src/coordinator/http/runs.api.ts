import {
  casePage,
  feedLine,
  runInput,
  retryRunInput,
  runPage,
  runView,
  submitAnswer,
} from "../../protocol/index.ts";
import { IDEMPOTENCY, RETRY_PROBLEMS } from "./tasks.api.ts";
import { CONSISTENT, CURSOR, described, limit, LIMIT, offset, PROJECT } from "./openapi/describe.ts";

export const MAX_CASES = 10_000;

const group = "runs";
const params = { id: "The run's id." };
const query = { consistent: CONSISTENT };

export const OPEN = described({
  id: "openRun",
  group,
  summary: "Opens a run; with a key that is known, attaches to the run that has it",
  takes: runInput,
  status: 201,
  answers: runView,
});
export const LIST = described({
  id: "listRuns",
  group,
  summary: "Runs, newest first",
  query: {
    project: { ...PROJECT, description: "Only those of this project." },
    name: { description: "Only those whose name holds this text.", schema: { type: "string" } },
    limit: LIMIT,
    cursor: CURSOR,
    ...query,
  },
  answers: runPage,
  problems: ["cursor_invalid", "results_unavailable"],
});
export const SHOW = described({
  id: "getRun",
  group,
  summary: "One run with its tasks counted by state",
  params,
  query,
  answers: runView,
  problems: ["run_unknown", "results_unavailable"],
});
export const CANCEL = described({
  id: "cancelRun",
  group,
  summary: "Cancels every task of a run that has not ended",
  params,
  answers: runView,
  problems: ["run_unknown", "results_unavailable"],
});
export const RETRY = described({
  id: "retryRun",
  group,
  summary: "Repeats the tasks of a run that ended without success; none when there are none",
  params,
  headers: IDEMPOTENCY,
  takes: retryRunInput,
  isBodyOptional: true,
  status: 201,
  answers: submitAnswer,
  problems: ["run_unknown", ...RETRY_PROBLEMS],
});
export const CASES = described({
  id: "listCases",
  group,
  summary: "The test cases of a run, of the attempts that count",
  params,
  query: {
    attempts: {
      description: "`all` lists the cases of earlier attempts too.",
      schema: { type: "string", enum: ["final", "all"] },
    },
    outcome: { description: "Only these, several with commas: `failed,error`.", schema: { type: "string" } },
    limit: limit(MAX_CASES),
    cursor: CURSOR,
    ...query,
  },
  answers: casePage,
  problems: ["run_unknown", "cursor_invalid", "results_unavailable"],
});
export const FEED = described({
  id: "followRun",
  group,
  summary: "What happens in a run, line by line, from its beginning and on",
  params,
  query: { from: offset("The first record of the log to tell of; 0 unless given."), ...query },
  answers: { lines: feedLine, description: "One JSON object a line, without an end; a ping every 10 s." },
  problems: ["run_unknown", "results_unavailable"],
});
