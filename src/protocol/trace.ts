/**
 * Names of traces and spans, computed and never asked for: coordinator, worker and any later coordinator
 * come to the same ones from what a task is called.
 *
 * The trace of a run is the 128 bits of its id, a ULID, unless whoever submitted was within a trace (W3C
 * `traceparent`): then it is theirs, and the run hangs below their span. A span's id is the 64-bit FNV-1a
 * hash of what it is about: the run's id, the task's id, `TASK/ATTEMPT`.
 */
export interface TraceContext {
  /** 32 hex digits. */
  traceId: string;
  /** The caller's span, 16 hex digits; null when the run itself is the root. */
  parentId: string | null;
  isSampled: boolean;
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** null when it is not one: the caller's mistake must not stop the submission. */
export function parseTraceparent(text: string | undefined): TraceContext | null {
  const [, traceId, parentId, flags = "00"] = TRACEPARENT.exec(text ?? "") ?? [];
  if (traceId === undefined || parentId === undefined) return null;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The context of a task, from what its submission carried and the run it belongs to. */
export function traceOf(runId: string, traceparent: string | undefined): TraceContext {
  return parseTraceparent(traceparent) ?? { traceId: hexOf(runId), parentId: null, isSampled: true };
}

function hexOf(id: string): string {
  let bits = 0n;
  for (const char of id) bits = bits * 32n + BigInt(Math.max(0, ALPHABET.indexOf(char)));
  return BigInt.asUintN(128, bits).toString(16).padStart(32, "0");
}

export function runSpanId(runId: string): string {
  return spanId(runId);
}

export function taskSpanId(taskId: string): string {
  return spanId(taskId);
}

export function attemptSpanId(taskId: string, attempt: number): string {
  return spanId(`${taskId}/${attempt}`);
}

function spanId(name: string): string {
  let hash = FNV_OFFSET;
  for (let i = 0; i < name.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(name.charCodeAt(i))) * FNV_PRIME);
  }
  // All zeros would mean that there is no span.
  return (hash === 0n ? 1n : hash).toString(16).padStart(16, "0");
}

/** What an attempt is told: its own span, for it to hang others below. */
export function traceparentOf(
  { traceId, isSampled }: TraceContext,
  { task_id, attempt }: { task_id: string; attempt: number },
): string {
  return `00-${traceId}-${attemptSpanId(task_id, attempt)}-${isSampled ? "01" : "00"}`;
}
