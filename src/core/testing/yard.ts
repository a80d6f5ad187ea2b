/**
 * A state with its history, driven by commands: each accepted command is a record of its own. Every event is
 * followed by `checkInvariants`, every command by `checkSettled`.
 */
import type { Command } from "../command.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../decision.ts";
import type { Event } from "../event.ts";
import { beginRecord, evolve } from "../evolve.ts";
import { checkInvariants, checkSettled } from "../invariants.ts";
import { createState, type State } from "../state.ts";

export interface Recorded {
  readonly position: number;
  readonly at: number;
  readonly event: Event;
}

/** The state that a history folds to. */
export function fold(history: readonly Recorded[]): State {
  const state = createState();
  for (const { event, ...record } of history) {
    beginRecord(state, record);
    evolve(state, event);
  }
  return state;
}

export class Yard {
  state: State;
  now: number;
  readonly history: Recorded[] = [];

  constructor(state: State = createState(), now = 1_000) {
    this.state = state;
    this.now = now;
  }

  do(command: Command): Decision {
    const decision = decide(this.state, command, this.now);
    if (decision.kind === "accepted") this.record(decision.events);
    checkSettled(this.state);
    return decision;
  }

  record(events: readonly Event[]): void {
    const record = { position: this.state.position + 1, at: this.now };
    beginRecord(this.state, record);
    for (const event of events) {
      evolve(this.state, event);
      checkInvariants(this.state);
      this.history.push({ ...record, event });
    }
  }
}
