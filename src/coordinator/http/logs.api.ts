import { logSize } from "../../protocol/index.ts";
import { BYTES, CONSISTENT, described, offset } from "./openapi/describe.ts";

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
  summary: "The log of an attempt, or a range of it",
  params: { id: "The task's id." },
  query: {
    attempt: {
      description: "The newest unless given.",
      schema: { type: "integer", minimum: 1, maximum: 0xffff_ffff },
    },
    from: offset("First byte; 0 unless given."),
    to: offset("One after the last byte."),
    follow: {
      description: "Goes on while the log grows, until the attempt has ended.",
      schema: { type: "boolean" },
    },
    consistent: CONSISTENT,
  },
  answers: { type: BYTES, description: "The bytes that the attempt wrote." },
  problems: ["task_unknown", "log_unknown", "results_unavailable"],
});
