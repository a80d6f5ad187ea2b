import { dashboardView, statusView } from "../../protocol/index.ts";
import { CONSISTENT, described } from "./openapi/describe.ts";

const query = { consistent: CONSISTENT };

export const STATUS = described({
  id: "getStatus",
  group: "yard",
  summary: "What the yard is doing as a whole",
  query,
  answers: statusView,
});
export const DASHBOARD = described({
  id: "getDashboard",
  group: "yard",
  summary: "Everything that a first look needs: status, workers, the newest tasks and runs",
  query,
  answers: dashboardView,
});
