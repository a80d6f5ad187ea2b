/** Reports of a run: one model, several ways to print it. */
export { buildReport } from "./build.ts";
export type { AttemptFacts, ProblemFacts, TaskFacts } from "./facts.ts";
export { toJson } from "./json.ts";
export { toJunit } from "./junit.ts";
export type { RunReport } from "./model.ts";
export { type Paint, plainPaint, renderSummary } from "./summary.ts";
export { oneLine } from "./text.ts";
