import { artifactList } from "../../protocol/index.ts";
import { BYTES, CONSISTENT, described } from "./openapi/describe.ts";

const group = "tasks";
const id = "The task's id.";

export const LIST = described({
  id: "listArtifacts",
  group,
  summary: "The files that the attempts of a task left",
  params: { id },
  query: { consistent: CONSISTENT },
  answers: artifactList,
  problems: ["task_unknown", "results_unavailable"],
});
export const GET = described({
  id: "getArtifact",
  group,
  summary: "The content of a file that an attempt left, or the range of it that `Range` asks for",
  params: { id, attempt: "The attempt's number, from 1 on.", path: "The file's path." },
  answers: { type: BYTES, description: "The content, in the type that the file's name says." },
  problems: ["artifact_unknown", "blob_missing", "range_not_satisfiable", "results_unavailable"],
});
