/**
 * What a client knows of a run, folded from its feed. Items may come twice after a reconnect: an attempt has
 * its number and a task its end, so saying either again changes nothing.
 */
import type { FeedItem, ResultDocument } from "../../protocol/index.ts";
import type { AttemptFacts, TaskFacts } from "../../reports/index.ts";
import type { AttemptOutcome, TaskState } from "../../core/index.ts";
import { isEndState } from "../../core/index.ts";
import { caseFacts } from "../report/case-facts.ts";
import type { Reused } from "./reuse.ts";
import { nameOf } from "./tasks.ts";

export interface BookTask {
  task_id: string;
  name: string;
  framework: string | null;
  suite: string;
  estimateMs: number | null;
  /** The task that it repeats. */
  retryOf?: string | null;
  /** It runs only some cases. */
  isPartial?: boolean;
}

export interface RunningEntry {
  task: BookTask;
  workerId: string;
  attempt: number;
  since: number;
}

/** Fetches a document that was too large for its event. */
export type FetchDocument = (ref: { blob: string }) => Promise<ResultDocument>;

interface Entry {
  task: BookTask;
  state: TaskState;
  reason: string | null;
  attempts: Map<number, AttemptFacts>;
  reusedFrom: Reused["from"] | null;
}

export type Change =
  | { kind: "started"; entry: RunningEntry }
  | { kind: "attempt_ended"; task: BookTask; attempt: AttemptFacts; next: string }
  | {
      kind: "task_ended";
      task: BookTask;
      state: TaskState;
      reason: string | null;
      /** null when it never ran. */
      last: AttemptFacts | null;
    };

export interface CaseTally {
  passed: number;
  failed: number;
  skipped: number;
}

export class RunBook {
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<string, RunningEntry>();
  readonly #fetchDocument: FetchDocument;
  readonly #documents: Promise<void>[] = [];
  readonly #ended = new Set<string>();
  readonly cases: CaseTally = { passed: 0, failed: 0, skipped: 0 };
  #endedAt = 0;

  constructor(tasks: readonly BookTask[], fetchDocument: FetchDocument) {
    this.#fetchDocument = fetchDocument;
    for (const task of tasks) this.add(task);
  }

  add(task: BookTask): void {
    this.#add(task);
  }

  /** What an earlier run has found, and nobody runs again. */
  reuse({ suite, files, from, worker_id, cases }: Reused): void {
    const framework = suite.adapter.name;
    const name = nameOf(framework, suite.suite, files);
    const entry = this.#add({ task_id: from.task_id, name, framework, suite: suite.suite, estimateMs: null });
    entry.reusedFrom = from;
    const duration_ms = cases.reduce((sum, each) => sum + each.duration_ms, 0);
    const facts = { attempt: 1, worker_id, outcome: "passed", ended_at: 0, duration_ms } as const;
    entry.attempts.set(1, { ...facts, error: null, log_bytes: 0, cases: cases.map(caseFacts) });
    for (const { outcome } of cases) this.cases[outcome === "skipped" ? "skipped" : "passed"] += 1;
    this.#end(entry, { state: "completed", reason: null });
  }

  #add(task: BookTask): Entry {
    const entry: Entry = { task, state: "queued", reason: null, attempts: new Map(), reusedFrom: null };
    this.#entries.set(task.task_id, entry);
    return entry;
  }

  get total(): number {
    return this.#entries.size;
  }

  get done(): number {
    return this.#ended.size;
  }

  /** Time of the last end that the feed told of. */
  get endedAt(): number {
    return this.#endedAt;
  }

  get running(): RunningEntry[] {
    return [...this.#running.values()];
  }

  /** Tasks that have neither run nor ended. */
  get waiting(): BookTask[] {
    return [...this.#entries.values()]
      .filter(({ attempts, task }) => attempts.size === 0 && !this.#isOver(task.task_id))
      .map(({ task }) => task);
  }

  #isOver(taskId: string): boolean {
    return this.#ended.has(taskId) || this.#running.has(taskId);
  }

  /** @returns what is news, null for what was known */
  apply(item: FeedItem): Change | null {
    if (item.kind === "run_ended") return null;
    const entry = this.#entries.get(item.task_id) ?? this.#add(stranger(item.task_id));
    switch (item.kind) {
      case "task_started":
        return this.#started(entry, item);
      case "attempt_ended":
        return this.#attemptEnded(entry, item);
      case "task_ended":
        return this.#taskEnded(entry, item);
    }
  }

  #started(entry: Entry, item: Extract<FeedItem, { kind: "task_started" }>): Change | null {
    if (entry.attempts.has(item.attempt) || this.#ended.has(item.task_id)) return null;
    const running = { task: entry.task, workerId: item.worker_id, attempt: item.attempt, since: item.at };
    this.#running.set(item.task_id, running);
    entry.state = "running";
    return { kind: "started", entry: running };
  }

  #attemptEnded(entry: Entry, item: Extract<FeedItem, { kind: "attempt_ended" }>): Change | null {
    if (entry.attempts.has(item.attempt)) return null;
    const { attempt, worker_id, outcome, duration_ms, error, log_bytes } = item;
    const facts: AttemptFacts = {
      attempt,
      worker_id,
      outcome: outcome as AttemptOutcome | "lost",
      ended_at: item.at,
      duration_ms,
      error,
      log_bytes,
      cases: null,
    };
    entry.attempts.set(attempt, facts);
    this.#running.delete(item.task_id);
    this.#endedAt = Math.max(this.#endedAt, item.at);
    this.#keepDocument(entry, attempt, item.document);
    if (item.next === "retry") entry.state = "queued";
    else this.#count(item);
    if (item.next === "poisoned")
      this.#end(entry, { state: "poisoned", reason: item.error?.message ?? null });
    return { kind: "attempt_ended", task: entry.task, attempt: facts, next: item.next };
  }

  #count({ counts, outcome }: Extract<FeedItem, { kind: "attempt_ended" }>): void {
    this.cases.passed += counts?.passed ?? 0;
    this.cases.failed += (counts?.failed ?? 0) + (counts?.error ?? 0);
    this.cases.skipped += counts?.skipped ?? 0;
    if (counts === null) this.cases[outcome === "passed" ? "passed" : "failed"] += 1;
  }

  #taskEnded(entry: Entry, item: Extract<FeedItem, { kind: "task_ended" }>): Change | null {
    if (this.#ended.has(item.task_id)) return null;
    this.#running.delete(item.task_id);
    this.#endedAt = Math.max(this.#endedAt, item.at);
    this.#end(entry, item);
    const last = [...entry.attempts.values()].at(-1) ?? null;
    return { kind: "task_ended", task: entry.task, state: item.state, reason: item.reason, last };
  }

  #end(entry: Entry, how: { state: TaskState; reason: string | null }): void {
    entry.state = how.state;
    entry.reason = how.reason;
    this.#ended.add(entry.task.task_id);
  }

  #keepDocument(entry: Entry, attempt: number, document: string | { blob: string } | null): void {
    if (document === null) return;
    if (typeof document === "string")
      this.#setDocument(entry, attempt, JSON.parse(document) as ResultDocument);
    else this.#documents.push(this.#fetch(entry, attempt, document));
  }

  async #fetch(entry: Entry, attempt: number, ref: { blob: string }): Promise<void> {
    try {
      this.#setDocument(entry, attempt, await this.#fetchDocument(ref));
    } catch (cause) {
      const facts = entry.attempts.get(attempt);
      const message = `its result document could not be read: ${String(cause)}`;
      if (facts !== undefined)
        entry.attempts.set(attempt, { ...facts, error: { code: "document", message } });
    }
  }

  #setDocument(entry: Entry, attempt: number, document: ResultDocument): void {
    const facts = entry.attempts.get(attempt);
    if (facts === undefined) return;
    entry.attempts.set(attempt, { ...facts, cases: document.cases, artifacts: document.artifacts });
    if (entry.task.framework === null && document.cases.length > 0) {
      entry.task = { ...entry.task, framework: document.framework };
    }
  }

  /** Everything known, once the documents on their way are here. */
  async facts(): Promise<TaskFacts[]> {
    await Promise.all(this.#documents);
    return [...this.#entries.values()].map(({ task, state, reason, attempts, reusedFrom }) => ({
      task_id: task.task_id,
      name: task.name,
      framework: task.framework,
      suite: task.suite,
      state: isEndState(state) || state === "poisoned" ? state : "queued",
      reason,
      reused_from: reusedFrom,
      retry_of: task.retryOf ?? null,
      is_partial: task.isPartial ?? false,
      attempts: [...attempts.values()].sort((a, b) => a.attempt - b.attempt),
    }));
  }

  /** For a task that found no worker: the reason, to stand in the report. */
  setReason(taskId: string, reason: string): void {
    const entry = this.#entries.get(taskId);
    if (entry !== undefined) entry.reason = reason;
  }
}

function stranger(taskId: string): BookTask {
  return { task_id: taskId, name: taskId, framework: null, suite: ".", estimateMs: null };
}
