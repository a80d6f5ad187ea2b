/**
 * The detail of one attempt: its cases and metrics. One document, inline in the event when small, else a
 * blob.
 */
import * as z from "zod/mini";

const text = (limit: number) => z.string().check(z.maxLength(limit));

export const caseOutcome = z.enum(["passed", "failed", "skipped", "error"]);

export const caseResult = z.object({
  /** SHA-256 over (project, framework, file, name, parameters), the same on every worker and in every run. */
  test_id: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  file: text(1024),
  name: text(4096),
  parameters: z.optional(text(4096)),
  outcome: caseOutcome,
  duration_ms: z.number().check(z.minimum(0)),
  message: z.optional(text(2_200)),
  detail: z.optional(text(17_000)),
  stdout: z.optional(text(17_000)),
  stderr: z.optional(text(17_000)),
  retries: z.optional(z.int().check(z.minimum(0))),
  expected_failure: z.optional(z.boolean()),
});

export const metric = z.object({
  name: text(256),
  value: z.number(),
  unit: text(64),
  better: z.optional(z.enum(["lower", "higher"])),
});

/** A file that the attempt left, kept in the blob store. */
export const artifact = z.object({
  /** POSIX, relative to the folder that the task ran in. */
  path: text(1024),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  size_bytes: z.int().check(z.minimum(0)),
});

export const resultDocument = z.object({
  format: z.literal(1),
  framework: text(64),
  cases: z.array(caseResult).check(z.maxLength(100_000)),
  metrics: z.array(metric).check(z.maxLength(10_000)),
  artifacts: z.optional(z.array(artifact).check(z.maxLength(10_000))),
});

export type CaseOutcome = z.infer<typeof caseOutcome>;
export type ReportedCase = z.infer<typeof caseResult>;
export type Metric = z.infer<typeof metric>;
export type Artifact = z.infer<typeof artifact>;
export type ResultDocument = z.infer<typeof resultDocument>;

/** Larger documents are blobs: an event stays below 64 KiB. */
export const INLINE_DOCUMENT_BYTES = 24 * 1024;
