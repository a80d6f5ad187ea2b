import {
  bulkInput,
  retryTaskInput,
  submitAnswer,
  submittedTask,
  taskDetail,
  taskExplanation,
  taskInput,
  taskPage,
  TASK_STATES,
  taskView,
} from "../../protocol/index.ts";
import { MAX_BATCH_BYTES, MAX_BODY_BYTES } from "./body.ts";
import { CONSISTENT, CURSOR, described, LIMIT, PROJECT } from "./openapi/describe.ts";

const group = "tasks";
const params = { id: "The task's id." };
const query = { consistent: CONSISTENT };
const RUN_ID = { description: "A run's id.", schema: { type: "string" } };

export const LIST = described({
  id: "listTasks",
  group,
  summary: "Tasks, newest first",
  query: {
    state: { description: "Only those in this state.", schema: { enum: TASK_STATES } },
    run_id: { ...RUN_ID, description: "Only those of this run." },
    project: { ...PROJECT, description: "Only those of this project." },
    limit: LIMIT,
    cursor: CURSOR,
    ...query,
  },
  answers: taskPage,
  problems: ["cursor_invalid", "results_unavailable"],
});
export const SHOW = described({
  id: "getTask",
  group,
  summary: "One task with its attempts, and why it waits if it does",
  params,
  query,
  answers: taskDetail,
  problems: ["task_unknown", "results_unavailable"],
});
export const EXPLAIN = described({
  id: "explainTask",
  group,
  summary: "Why a task waits, or why it ran where it did",
  params,
  query,
  answers: taskExplanation,
  problems: ["task_unknown", "results_unavailable"],
});
export const CANCEL = described({
  id: "cancelTask",
  group,
  summary: "Cancels a task; its running attempt is ended",
  params,
  answers: taskView,
  problems: ["task_unknown", "task_ended"],
});
export const RELEASE = described({
  id: "releaseTask",
  group,
  summary: "Lets a poisoned task be tried again",
  params,
  answers: taskView,
  problems: ["task_unknown", "task_ended", "task_not_poisoned"],
});

const SUBMIT_PROBLEMS = [
  ...(["run_unknown", "dependency_unknown", "dependency_self", "dependency_cycle"] as const),
  ...(["idempotency_in_flight", "idempotency_key_reused", "results_unavailable"] as const),
] as const;

export const RETRY_PROBLEMS = [
  ...(["task_gone", "task_open", "task_retried", "results_unavailable"] as const),
  ...(["idempotency_in_flight", "idempotency_key_reused"] as const),
] as const;

export const IDEMPOTENCY = {
  "Idempotency-Key": {
    description:
      "1 to 255 printable characters. The same key with the same request gets the same answer again, " +
      "and nothing is submitted twice.",
    schema: { type: "string", maxLength: 255 },
  },
};

export const RETRY = described({
  id: "retryTask",
  group,
  summary: "Repeats a task that has ended, as a new one",
  params,
  headers: IDEMPOTENCY,
  takes: retryTaskInput,
  isBodyOptional: true,
  status: 201,
  answers: submittedTask,
  problems: ["task_unknown", "task_passed", "dependency_failed", ...RETRY_PROBLEMS],
});

const HEADERS = {
  ...IDEMPOTENCY,
  traceparent: {
    description: "W3C Trace Context of the caller: the run joins its trace.",
    schema: { type: "string" },
  },
};

export const SUBMIT = described(
  {
    id: "submitTask",
    group,
    summary: "Submits one task; it gets a run of its own unless one is named",
    query: { run_id: { ...RUN_ID, description: "An open run that it joins." }, project: PROJECT },
    headers: HEADERS,
    takes: taskInput,
    status: 201,
    answers: submittedTask,
    problems: SUBMIT_PROBLEMS,
  },
  { bodyLimit: MAX_BODY_BYTES },
);
export const SUBMIT_MANY = described(
  {
    id: "submitTasks",
    group,
    summary: "Submits many tasks at once: all of them, or none",
    headers: HEADERS,
    takes: bulkInput,
    status: 201,
    answers: submitAnswer,
    problems: SUBMIT_PROBLEMS,
  },
  { bodyLimit: MAX_BATCH_BYTES },
);
