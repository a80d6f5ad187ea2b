/** Reports of a run: one model, several ways to print it. */
export { buildReport } from "./build.ts";
export type { AttemptFacts, CaseFacts, CaseOutcome, ProblemFacts, RunFacts, TaskFacts } from "./facts.ts";
export { REPORT_SCHEMA, REPORT_VERSION, toJson } from "./json.ts";
export { toJunit } from "./junit.ts";
export type { AttemptReport, CaseReport, RunReport, TaskReport, Totals, Verdict } from "./model.ts";
export { type Paint, plainPaint, renderSummary, type SummaryOptions } from "./summary.ts";
export { cleanText, oneLine } from "./text.ts";
