import { describe, expect, it } from "vitest";
import type { FeedItem } from "../../protocol/index.ts";
import { RunBook } from "./run-book.ts";

const tasks = ["A", "B"].map((id) => ({
  task_id: id,
  name: `task ${id}`,
  framework: "pytest",
  suite: ".",
  estimateMs: null,
}));
const noBlobs = () => Promise.reject(new Error("no blob here"));
const document = JSON.stringify({
  format: 1,
  framework: "pytest",
  metrics: [],
  cases: [{ test_id: "x", file: "a.py", name: "one", outcome: "passed", duration_ms: 3 }],
});

function started(task_id: string, attempt = 1): FeedItem {
  return { kind: "task_started", position: 1, at: 10, task_id, attempt, worker_id: "w1" };
}

function attemptEnded(
  task_id: string,
  more: Partial<Extract<FeedItem, { kind: "attempt_ended" }>> = {},
): FeedItem {
  return {
    kind: "attempt_ended",
    position: 2,
    at: 20,
    task_id,
    attempt: 1,
    worker_id: "w1",
    outcome: "passed",
    duration_ms: 10,
    counts: { passed: 1, failed: 0, skipped: 0, error: 0 },
    document,
    error: null,
    log_bytes: 0,
    next: "completed",
    ...more,
  };
}

const taskEnded = (task_id: string): FeedItem => ({
  kind: "task_ended",
  position: 2,
  at: 20,
  task_id,
  state: "completed",
  reason: null,
});

describe("a run's book", () => {
  it("knows what runs, what waits and what has ended", async () => {
    const book = new RunBook(tasks, noBlobs);
    book.apply(started("A"));
    expect(book.running.map(({ task }) => task.task_id)).toEqual(["A"]);
    expect(book.waiting.map(({ task_id }) => task_id)).toEqual(["B"]);
    book.apply(attemptEnded("A"));
    book.apply(taskEnded("A"));
    expect([book.done, book.total, book.running.length]).toEqual([1, 2, 0]);
    const [first, second] = await book.facts();
    expect(first).toMatchObject({ state: "completed", attempts: [{ cases: [{ name: "one" }] }] });
    expect(second).toMatchObject({ state: "queued", attempts: [] });
  });

  it("counts nothing twice when the feed repeats itself", () => {
    const book = new RunBook(tasks, noBlobs);
    for (let i = 0; i < 2; i++)
      for (const item of [started("A"), attemptEnded("A"), taskEnded("A")]) book.apply(item);
    expect(book.cases.passed).toBe(1);
    expect([book.done, book.running.length]).toEqual([1, 0]);
  });

  it("counts only the attempt that decides, and keeps every attempt", async () => {
    const book = new RunBook(tasks, noBlobs);
    const counts = { passed: 0, failed: 1, skipped: 0, error: 0 };
    book.apply(attemptEnded("A", { outcome: "failed", counts, next: "retry" }));
    book.apply(attemptEnded("A", { attempt: 2 }));
    expect(book.cases).toEqual({ passed: 1, failed: 0, skipped: 0 });
    expect((await book.facts())[0]?.attempts.map((it) => it.outcome)).toEqual(["failed", "passed"]);
  });

  it("treats a poisoned task as over: nothing will come of it by itself", () => {
    const book = new RunBook(tasks, noBlobs);
    book.apply(attemptEnded("A", { outcome: "lost", counts: null, document: null, next: "poisoned" }));
    expect(book.done).toBe(1);
  });

  it("says so when a document cannot be read", async () => {
    const book = new RunBook(tasks, noBlobs);
    book.apply(attemptEnded("A", { document: { blob: "ff" } }));
    expect((await book.facts())[0]?.attempts[0]?.error?.message).toContain("no blob here");
  });
});
