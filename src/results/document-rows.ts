/** Result documents to rows: a case or a metric each. What cannot be read becomes a note, never a stop. */
import type { AttemptFinished } from "../core/index.ts";
import {
  type Metric,
  type ReportedCase,
  type ResultDocument,
  resultDocument,
  validate,
} from "../protocol/index.ts";
import type { RowSink } from "./appenders.ts";
import { isFinal, type Moment, note } from "./event-rows.ts";
import { readJson } from "./json-text.ts";

/** The document's text, or why there is none. */
export type FoundDocument = { text: string } | { missing: string };

export function addDocument(
  event: AttemptFinished,
  found: FoundDocument,
  { project, moment, sink }: { project: string | null; moment: Moment; sink: RowSink },
): void {
  const { task_id, run_id, lease, next } = event;
  const { attempt, worker_id, incarnation } = lease;
  const refuse = (kind: string, message: string) =>
    sink.add("notes", note(kind, message, { task_id, attempt, moment }));
  if ("missing" in found) return refuse("document_missing", found.missing);
  const read = readDocument(found.text);
  if ("error" in read) return refuse("document_unreadable", read.error);
  const { framework, cases, metrics } = read.document;
  const where = { project, run_id, task_id, attempt, is_final: isFinal(next), framework };
  const shared = { ...where, worker_id, incarnation, recorded_at: moment.at };
  cases.forEach((each, index) => sink.add("cases", { ...shared, ...caseColumns(each, index) }));
  for (const each of metrics) sink.add("metrics", { ...shared, ...metricColumns(each) });
}

function readDocument(text: string): { document: ResultDocument } | { error: string } {
  const read = readJson(text);
  if ("error" in read) return read;
  const checked = validate(resultDocument, read.value);
  if (checked.ok) return { document: checked.value };
  const first = checked.errors[0];
  return { error: `${first?.pointer ?? ""} ${first?.message ?? "not a result document"}`.trim() };
}

function caseColumns(each: ReportedCase, index: number) {
  return {
    case_number: index,
    test_id: each.test_id,
    file: each.file,
    name: each.name,
    parameters: each.parameters ?? null,
    outcome: each.outcome,
    duration_ms: each.duration_ms,
    message: each.message ?? null,
    detail: each.detail ?? null,
    stdout: each.stdout ?? null,
    stderr: each.stderr ?? null,
    retries: each.retries ?? null,
    expected_failure: each.expected_failure ?? null,
  };
}

function metricColumns({ name, value, unit, better }: Metric) {
  return { name, value, unit, better: better ?? null };
}
