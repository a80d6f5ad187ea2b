/** Reports of a run: one model, several ways to print it. */
export { buildReport } from "./build.ts";
export { compareRuns, type EarlierRun } from "./compare.ts";
export type { AttemptFacts, HardwareFacts, ProblemFacts, ReusedFrom, RunFacts, TaskFacts } from "./facts.ts";
export { toJson } from "./json.ts";
export { toJunit } from "./junit.ts";
export { toMarkdown } from "./markdown.ts";
export { mergeReports, readReport, type NamedReport, type ReportRefusal } from "./merge.ts";
export { CHANGES, type Change, type Comparison, type RunReport } from "./model.ts";
export { type Paint, plainPaint, renderSummary } from "./summary.ts";
export { oneLine, shortTime, titleOf } from "./text.ts";
