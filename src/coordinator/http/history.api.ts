import { durationList, fileFailuresList, reusableCaseList } from "../../protocol/index.ts";
import { described, PROJECT } from "./openapi/describe.ts";

const group = "runs";
const needed = (description: string) =>
  ({ description, schema: { type: "string" }, required: true }) as const;

const suiteQuery = {
  project: PROJECT,
  framework: needed("A framework's name, such as `pytest`."),
  suite: { description: "The suite's folder.", schema: { type: "string" } },
} as const;

export const DURATIONS = described({
  id: "listDurations",
  group,
  summary: "How long the files of a suite take, as earlier runs have taught",
  query: suiteQuery,
  answers: durationList,
  problems: ["results_unavailable"],
});
export const FAILURES = described({
  id: "listFailures",
  group,
  summary: "Which files of a suite failed in their last ten runs, the last failed first",
  query: suiteQuery,
  answers: fileFailuresList,
  problems: ["results_unavailable"],
});
export const REUSABLE = described({
  id: "listReusableCases",
  group,
  summary: "The cases of files that passed at once with the same inputs, newest for each class of machine",
  query: { project: PROJECT, inputs: needed("`config.inputs` of the tasks that ran them.") },
  answers: reusableCaseList,
  problems: ["results_unavailable"],
});
