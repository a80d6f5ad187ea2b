import { exportInput, exportStatus } from "../../protocol/index.ts";
import { BYTES, described } from "./openapi/describe.ts";

const id = "An export's id.";
const group = "results";

export const START = described({
  id: "startExport",
  group,
  summary:
    "Begins to write the tables as files; one export at a time, given up when nobody asks for a minute",
  takes: exportInput,
  isBodyOptional: true,
  answers: exportStatus,
  status: 201,
  problems: ["export_busy"],
});
export const STATUS = described({
  id: "getExport",
  group,
  summary: "How far an export is, and which files it has",
  params: { id },
  answers: exportStatus,
  problems: ["export_unknown"],
});
export const FILE = described({
  id: "getExportFile",
  group,
  summary: "One file of an export, or the range of it that `Range` asks for; with the yard's key",
  params: { id, file: "The file's name." },
  answers: { type: BYTES, description: "The content." },
  problems: ["unauthorized", "export_unknown", "range_not_satisfiable"],
});
export const REMOVE = described({
  id: "removeExport",
  group,
  summary: "Ends an export and removes its files",
  params: { id },
  answers: exportStatus,
  problems: ["export_unknown"],
});
