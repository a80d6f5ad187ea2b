import { expect, it } from "vitest";
import { progressLines } from "./progress.ts";
import { RunBook } from "./run-book.ts";

const task = (task_id: string) => ({
  task_id,
  name: `suite ${task_id}`,
  framework: null,
  suite: ".",
  estimateMs: null,
});

it("shows counts, each worker with its longest task, the slowest first, and what is left", () => {
  const book = new RunBook(["A", "B", "C", "D", "E", "F"].map(task), () => Promise.reject(new Error("none")));
  const start = (task_id: string, worker_id: string, at: number) =>
    book.apply({ kind: "task_started", position: 1, at, task_id, attempt: 1, worker_id });
  for (const task_id of ["E", "F"]) {
    book.apply({ kind: "task_ended", position: 1, at: 900, task_id, state: "completed", reason: null });
  }
  start("A", "w1", 9_000);
  start("B", "w2", 4_000);
  start("C", "w2", 8_000);
  expect(progressLines(book, { elapsedMs: 10_000, now: 10_000 })).toEqual([
    "2/6 tasks · 0 passed · 10 s · about 20 s left",
    "  w2  6.0 s  suite B  (+1)",
    "  w1  1.0 s  suite A",
  ]);
});
