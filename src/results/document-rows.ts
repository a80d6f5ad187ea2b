/**
 * Result documents to rows: a case, a metric or an artifact each. What cannot be read becomes a note, never a
 * stop.
 */
import type { AttemptFinished } from "../core/index.ts";
import {
  type Artifact,
  type Metric,
  type ReportedCase,
  type ResultDocument,
  resultDocument,
  validate,
} from "../protocol/index.ts";
import type { RowSink } from "./appenders.ts";
import { isFinal, type Moment, note } from "./event-rows.ts";
import { readJson } from "./json-text.ts";
import type { Row } from "./schema.ts";

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
  const { framework, cases, metrics, artifacts = [] } = read.document;
  const shared: Shared = {
    project,
    run_id,
    task_id,
    attempt,
    is_final: isFinal(next),
    framework,
    worker_id,
    incarnation,
    recorded_at: moment.at,
  };
  cases.forEach((each, index) => sink.add("cases", caseRow(each, index, shared)));
  for (const each of metrics) sink.add("metrics", metricRow(each, shared));
  for (const each of artifacts) sink.add("artifacts", artifactRow(each, shared));
}

interface Shared {
  project: string | null;
  run_id: string;
  task_id: string;
  attempt: number;
  is_final: boolean;
  framework: string;
  worker_id: string;
  incarnation: string;
  recorded_at: number;
}

function readDocument(text: string): { document: ResultDocument } | { error: string } {
  const read = readJson(text);
  if ("error" in read) return read;
  const checked = validate(resultDocument, read.value);
  if (checked.ok) return { document: checked.value };
  const first = checked.errors[0];
  return { error: `${first?.pointer ?? ""} ${first?.message ?? "not a result document"}`.trim() };
}

/** Written out for the reason that the row of an attempt is. */
function caseRow(each: ReportedCase, index: number, shared: Shared): Row<"cases"> {
  return {
    project: shared.project,
    run_id: shared.run_id,
    task_id: shared.task_id,
    attempt: shared.attempt,
    is_final: shared.is_final,
    case_number: index,
    test_id: each.test_id,
    framework: shared.framework,
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
    worker_id: shared.worker_id,
    incarnation: shared.incarnation,
    recorded_at: shared.recorded_at,
  };
}

function artifactRow({ path, sha256, size_bytes }: Artifact, shared: Shared): Row<"artifacts"> {
  const { framework: _, ...where } = shared;
  return { ...where, path, sha256, size_bytes };
}

function metricRow({ name, value, unit, better }: Metric, shared: Shared): Row<"metrics"> {
  return { ...shared, name, value, unit, better: better ?? null };
}
