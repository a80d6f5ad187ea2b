/** `given(what has happened).when(a command).then(the events)`: how a test of the core reads. */
import { expect } from "vitest";
import type { Command, RejectionCode } from "../command.ts";
import type { Answer, Decision } from "../decision.ts";
import type { Event } from "../event.ts";
import type { State, Task, Worker } from "../state.ts";
import type { TaskState } from "../task.ts";
import { Yard } from "./yard.ts";

/** Commands are carried out and must be accepted, events are folded as they are, a number moves the clock. */
export type Step = Command | Event | number;

const isEvent = (step: Command | Event): step is Event => /^[A-Z]/.test(step.type);

export function given(...steps: readonly (Step | readonly Step[])[]): Given {
  return new Given(new Yard()).and(...steps);
}

export class Given {
  readonly yard: Yard;

  constructor(yard: Yard) {
    this.yard = yard;
  }

  and(...steps: readonly (Step | readonly Step[])[]): this {
    for (const step of steps.flat() as Step[]) this.#take(step);
    return this;
  }

  when(command: Command): Outcome {
    return new Outcome(this.yard, this.yard.do(command));
  }

  #take(step: Step): void {
    if (typeof step === "number") this.yard.now += step;
    else if (isEvent(step)) this.yard.record([step]);
    else expect(this.yard.do(step), JSON.stringify(step)).toMatchObject({ kind: "accepted" });
  }

  get state(): State {
    return this.yard.state;
  }

  task(id: string): Task {
    const task = this.yard.state.tasks.get(id);
    if (task === undefined) throw new Error(`the state holds no task ${id}`);
    return task;
  }

  worker(id: string): Worker {
    const worker = this.yard.state.workers.get(id);
    if (worker === undefined) throw new Error(`the state holds no worker ${id}`);
    return worker;
  }

  /** The states of these tasks are as named. */
  expectStates(states: Record<string, TaskState>): this {
    const are = Object.keys(states).map((id) => [id, this.task(id).status.state]);
    expect(Object.fromEntries(are)).toEqual(states);
    return this;
  }
}

type Expected<T extends Event = Event> = T extends Event ? Partial<T> & { type: T["type"] } : never;

export class Outcome extends Given {
  readonly #decision: Decision;

  constructor(yard: Yard, decision: Decision) {
    super(yard);
    this.#decision = decision;
  }

  get events(): Event[] {
    expect(this.#decision).toMatchObject({ kind: "accepted" });
    return this.#decision.kind === "accepted" ? this.#decision.events : [];
  }

  /**
   * Exactly these events, each with at least these fields. The end of a run follows from the other events;
   * it is looked at only where it is expected.
   */
  then(...expected: Expected[]): this {
    const isExpected = expected.some(({ type }) => type === "RunEnded");
    const events = this.events.filter(({ type }) => isExpected || type !== "RunEnded");
    expect(events).toMatchObject(expected);
    return this;
  }

  thenRejected(code: RejectionCode, details: Record<string, unknown> = {}): this {
    expect(this.#decision).toMatchObject({
      kind: "rejected",
      rejection: { code, ...(hasKeys(details) && { details }) },
    });
    return this;
  }

  thenAnswers(answer: Partial<Answer>): this {
    expect(this.#decision).toMatchObject({ kind: "accepted", answer });
    return this;
  }
}

function hasKeys(record: Record<string, unknown>): boolean {
  return Object.keys(record).length > 0;
}
