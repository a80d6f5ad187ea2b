/**
 * Somebody follows a log: woken when bytes are appended to it, and when anything of the task is committed. A
 * wake-up says nothing; whoever follows looks again, so a lost or a doubled one does no harm.
 */
import type { Event } from "../core/index.ts";

export class TaskSignals {
  readonly #listeners = new Map<string, Set<() => void>>();

  /** @returns ends the listening */
  listen(taskId: string, call: () => void): () => void {
    const calls = this.#listeners.get(taskId) ?? new Set();
    this.#listeners.set(taskId, calls.add(call));
    return () => {
      calls.delete(call);
      if (calls.size === 0 && this.#listeners.get(taskId) === calls) this.#listeners.delete(taskId);
    };
  }

  wake(taskId: string): void {
    for (const call of this.#listeners.get(taskId) ?? []) call();
  }

  committed(events: readonly Event[]): void {
    if (this.#listeners.size === 0) return;
    for (const event of events) if ("task_id" in event) this.wake(event.task_id);
  }
}
