/**
 * Situations that a campaign must have met: a check that never sees its case proves nothing. Reached in one
 * history is reached; a campaign in which one was never reached fails.
 */
export const SITUATIONS = [
  "an append whose answer was lost had landed",
  "an append whose answer was lost had not landed",
  "a coordinator crashed with an append in flight",
  "a coordinator started from a snapshot",
  "a late result was refused",
  "a result was reported twice",
  "a result of a former process was accepted",
  "a worker was lost by silence",
  "a worker lost its disk cache",
  "a running attempt went on over a restart of the coordinator",
  "an attempt was ended because its lease ended",
  "a task was cancelled while it ran",
  "a task was retried after a failure",
  "a task timed out",
  "a task was skipped",
  "a task was poisoned",
  "a submission was answered from its key",
  "a run ended",
  "a run ended again",
] as const;

export type Situation = (typeof SITUATIONS)[number];

export class Coverage {
  readonly #counts = new Map<Situation, number>();

  reached(situation: Situation): void {
    this.#counts.set(situation, (this.#counts.get(situation) ?? 0) + 1);
  }

  add(other: Coverage): void {
    for (const [situation, count] of other.#counts) {
      this.#counts.set(situation, (this.#counts.get(situation) ?? 0) + count);
    }
  }

  count(situation: Situation): number {
    return this.#counts.get(situation) ?? 0;
  }

  missing(): Situation[] {
    return SITUATIONS.filter((situation) => this.count(situation) === 0);
  }
}
