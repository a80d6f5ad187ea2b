/** Reports of a run: one model, several ways to print it. */
export { buildReport } from "./build.ts";
export { compareRuns, type EarlierRun } from "./compare.ts";
export type {
  AttemptFacts,
  CaseFacts,
  HardwareFacts,
  ProblemFacts,
  ReusedFrom,
  RunFacts,
  TaskFacts,
} from "./facts.ts";
/** Only when it is asked for: the library that draws its charts takes a tenth of a second to load. */
export const loadHtml = () => import("./html/html.ts");
export type { HtmlParts } from "./html/html.ts";
export { toJson } from "./json.ts";
export { toJunit } from "./junit.ts";
export { toMarkdown } from "./markdown.ts";
export { mergeReports, readReport, type NamedReport, type ReportRefusal } from "./merge.ts";
export { CHANGES, type Change, type Comparison, type RunReport } from "./model.ts";
export { type Paint, plainPaint, renderSummary } from "./summary.ts";
export { oneLine, shortTime, titleOf } from "./text.ts";
