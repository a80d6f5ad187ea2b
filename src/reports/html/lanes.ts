/**
 * Attempts side by side: those of one worker that overlap lie in lanes of their own, as they did in its
 * slots. The first free lane is taken, so there are as many lanes as slots were ever busy at once.
 */
import type { RunReport } from "../model.ts";

export interface Bar {
  lane: number;
  start_ms: number;
  end_ms: number;
  title: string;
  outcome: string;
}

export interface Timeline {
  /** One name a lane: the worker, numbered when it has several. */
  lanes: string[];
  bars: Bar[];
  /** Attempts that there was no room for: the shortest. */
  hidden: number;
}

const MOST_BARS = 1_000;
const MOST_LANES = 48;

export function timelineOf(report: RunReport): Timeline {
  const attempts = report.tasks.flatMap((task) =>
    task.reused_from === null ? task.attempts.map((attempt) => ({ title: task.name, attempt })) : [],
  );
  const longest = [...attempts].sort((a, b) => b.attempt.duration_ms - a.attempt.duration_ms);
  const shown = longest.slice(0, MOST_BARS).sort((a, b) => startOf(a.attempt) - startOf(b.attempt));
  const ends = new Map<string, number[]>();
  const placed = shown.map(({ title, attempt }) => {
    const slots = ends.get(attempt.worker_id) ?? [];
    ends.set(attempt.worker_id, slots);
    const start = startOf(attempt);
    const free = slots.findIndex((end) => end <= start);
    const slot = free < 0 ? slots.length : free;
    slots[slot] = attempt.ended_at;
    return { worker: attempt.worker_id, slot, title, attempt };
  });
  const names = [...ends]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([worker, slots]) => namesOf(worker, slots));
  const lanes = names.slice(0, MOST_LANES);
  const indexOf = new Map(lanes.map(({ key }, i) => [key, i]));
  const bars = placed.flatMap(({ worker, slot, title, attempt }) => {
    const lane = indexOf.get(keyOf(worker, slot));
    if (lane === undefined) return [];
    const start_ms = Math.max(0, startOf(attempt) - report.started_at);
    const end_ms = Math.max(start_ms, attempt.ended_at - report.started_at);
    return [{ lane, start_ms, end_ms, title, outcome: attempt.outcome }];
  });
  return { lanes: lanes.map(({ name }) => name), bars, hidden: attempts.length - bars.length };
}

function startOf({ ended_at, duration_ms }: { ended_at: number; duration_ms: number }): number {
  return ended_at - duration_ms;
}

function keyOf(worker: string, slot: number): string {
  return `${slot} ${worker}`;
}

function namesOf(worker: string, slots: readonly number[]): { key: string; name: string }[] {
  return slots.map((_, slot) => ({
    key: keyOf(worker, slot),
    name: slots.length === 1 ? worker : `${worker} / ${slot + 1}`,
  }));
}
