import { logMatches, logSize } from "../../protocol/index.ts";
import { BYTES, CONSISTENT, CURSOR, described, offset } from "./openapi/describe.ts";

const group = "tasks";

export const APPEND = described({
  id: "appendLog",
  group,
  summary: "Adds to the log of an attempt; workers do",
  params: { id: "The task's id.", attempt: "The attempt's number, from 1 on." },
  query: { offset: offset("Where the bytes begin in the log; 0 unless given.") },
  takes: { type: BYTES, description: "The next bytes of the log." },
  answers: logSize,
  problems: ["task_unknown", "stale_attempt", "log_gap"],
});
export const READ = described({
  id: "readLog",
  group,
  summary: "The log of an attempt, or a range of it, as `Range` or `from` and `to` say",
  params: { id: "The task's id." },
  query: {
    attempt: {
      description: "The newest unless given.",
      schema: { type: "integer", minimum: 1, maximum: 0xffff_ffff },
    },
    from: offset("First byte; 0 unless given."),
    to: offset("One after the last byte."),
    tail: {
      description: "Only so many lines from the end.",
      schema: { type: "integer", minimum: 0, maximum: 1_000_000 },
    },
    follow: {
      description: "Goes on while the log grows, until the attempt has ended.",
      schema: { type: "boolean" },
    },
    consistent: CONSISTENT,
  },
  answers: { type: BYTES, description: "The bytes that the attempt wrote." },
  problems: ["task_unknown", "log_unknown", "log_expired", "range_not_satisfiable", "results_unavailable"],
});

const SEARCH_QUERY = {
  q: {
    description: "Plain text, within a line.",
    schema: { type: "string", minLength: 1, maxLength: 1_000 },
    required: true,
  },
  ignore_case: { description: "A to Z as a to z.", schema: { type: "boolean" } },
  limit: { description: "Lines to answer with; 100 unless given.", schema: { type: "integer", minimum: 1 } },
  cursor: CURSOR,
} as const;

export const SEARCH = described({
  id: "searchLog",
  group,
  summary: "The lines of a log that hold a text, first to last",
  params: { id: "The task's id." },
  query: {
    ...SEARCH_QUERY,
    attempt: {
      description: "The newest unless given.",
      schema: { type: "integer", minimum: 1, maximum: 0xffff_ffff },
    },
    before: offset("Only what begins before this byte."),
  },
  answers: logMatches,
  problems: ["task_unknown", "log_unknown", "log_expired", "cursor_invalid", "results_unavailable"],
});
export const SEARCH_RUN = described({
  id: "searchRunLogs",
  group: "runs",
  summary: "The lines of all logs of a run that hold a text",
  params: { id: "The run's id." },
  query: SEARCH_QUERY,
  answers: logMatches,
  problems: ["run_unknown", "cursor_invalid", "results_unavailable"],
});
