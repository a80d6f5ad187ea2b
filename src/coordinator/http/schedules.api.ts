import { runView, scheduleInput, scheduleList, scheduleView } from "../../protocol/index.ts";
import { CONSISTENT, described } from "./openapi/describe.ts";

const group = "schedules";
const params = { name: "The schedule's name." };
const query = { consistent: CONSISTENT };

export const LIST = described({
  id: "listSchedules",
  group,
  summary: "All schedules with their next and last times",
  query,
  answers: scheduleList,
});
export const SET = described({
  id: "setSchedule",
  group,
  summary: "Makes a schedule, or replaces the one of this name",
  takes: scheduleInput,
  status: 201,
  answers: scheduleView,
  problems: ["schedule_invalid", "schedule_limit", "body_too_large", "dependency_unknown"],
});
export const REMOVE = described({
  id: "removeSchedule",
  group,
  summary: "Removes a schedule; its runs stay",
  params,
  answers: scheduleView,
  problems: ["schedule_unknown"],
});
export const RUN = described({
  id: "runSchedule",
  group,
  summary: "Starts the schedule's tasks now, as a run of their own",
  params,
  status: 201,
  answers: runView,
  problems: ["schedule_unknown", "schedule_not_due", "dependency_unknown", "results_unavailable"],
});
