import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkHistory } from "./testing/history-checker.ts";
import { RandomYard, randomSteps, type RandomStep } from "./testing/random-yard.ts";
import { fold } from "./testing/yard.ts";
import { restoreState, saveState } from "./snapshot.ts";
import type { State } from "./state.ts";

const seed = Number(process.env["FC_SEED"] ?? Date.now() % 2 ** 31);
const RUNS = { seed, numRuns: 300, endOnFailure: true };

const play = (steps: readonly RandomStep[], look: (yard: RandomYard) => void = () => {}): RandomYard => {
  const yard = new RandomYard().open();
  for (const step of steps) {
    yard.step(step);
    look(yard);
  }
  return yard;
};
const saved = (state: State): unknown => JSON.parse(JSON.stringify([...saveState(state)]));

describe(`any history of commands (FC_SEED=${seed})`, () => {
  it("keeps invariants and rules, and folds to the same state again", () => {
    fc.assert(
      fc.property(randomSteps(150), (steps) => {
        const { history, state } = play(steps);
        checkHistory(history);
        // Records without events are not in the history; only they may lie beyond it.
        expect(saved({ ...fold(history), position: 0, at: 0 })).toEqual(
          saved({ ...state, position: 0, at: 0 }),
        );
      }),
      RUNS,
    );
  });

  it("goes on from a snapshot as if nothing had been", () => {
    fc.assert(
      fc.property(randomSteps(80), randomSteps(40), (before, after) => {
        const yard = play(before);
        const copy = yard.continueOn(restoreState(JSON.parse(JSON.stringify([...saveState(yard.state)]))));
        expect(saved(copy.state)).toEqual(saved(yard.state));
        const mark = yard.history.length;
        for (const step of after) {
          yard.step(step);
          copy.step(step);
        }
        expect(copy.history).toEqual(yard.history.slice(mark));
        expect(saved(copy.state)).toEqual(saved(yard.state));
      }),
      { ...RUNS, numRuns: 150 },
    );
  });

  it("reaches every kind of event and every end", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(randomSteps(150), (steps) => {
        const { history } = play(steps, ({ state }) => {
          for (const { status } of state.tasks.values()) seen.add(status.state);
        });
        for (const { event } of history) seen.add(event.type);
      }),
      { seed: 1, numRuns: 200 },
    );
    expect([...seen].sort()).toEqual(EVERYTHING);
  });
});

const EVERYTHING = [
  "AttemptAssigned",
  "AttemptFinished",
  "AttemptLost",
  "AttemptReleased",
  "AttemptStarted",
  "LeaderClaimed",
  "ResultRefused",
  "RetriesDue",
  "RunEnded",
  "ScheduleFired",
  "ScheduleRemoved",
  "ScheduleSet",
  "ScheduleSkipped",
  "WebhookAdded",
  "WebhookDelivered",
  "WebhookGivenUp",
  "WebhookRedelivered",
  "WebhookRemoved",
  "WebhookRequested",
  "RunOpened",
  "SubmissionOpened",
  "SubmissionSealed",
  "TaskCancelled",
  "TaskReleased",
  "TaskSkipped",
  "TasksAdded",
  "TasksForgotten",
  "WorkerCordoned",
  "WorkerLost",
  "WorkerRegistered",
  "WorkerUncordoned",
  "assigned",
  "cancelled",
  "completed",
  "failed",
  "pending",
  "poisoned",
  "queued",
  "running",
  "skipped",
  "timed_out",
].sort();
