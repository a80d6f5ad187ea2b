/** A loop on a memory log, under a clock that a test moves: for what a leader does by itself. */
import { createPrng, createState, type Command, type State } from "../core/index.ts";
import { createMemoryStore, foldLog, GENESIS, type MemoryStore } from "../log/index.ts";
import type { Clock } from "../ports/index.ts";
import { Loop, type Committed } from "./loop.ts";

const CLAIM: Command = {
  type: "claim_leadership",
  cluster_id: "c",
  coordinator_id: "c1",
  incarnation: "i",
  host: "h",
  pid: 1,
  pid_started: "0",
};

export class TestTime {
  now: number;
  #timers: { at: number; call: () => void }[] = [];

  constructor(now: number) {
    this.now = now;
  }

  readonly clock: Clock = {
    now: () => this.now,
    monotonic: () => this.now,
    after: (delayMs, call) => {
      const timer = { at: this.now + delayMs, call };
      this.#timers.push(timer);
      return { cancel: () => void (this.#timers = this.#timers.filter((each) => each !== timer)) };
    },
    soon: (call) => queueMicrotask(call),
  };

  /** Moves on to a moment, with everything that happens on the way. */
  async to(moment: number): Promise<void> {
    await settled();
    for (;;) {
      const next = this.#timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > moment) break;
      this.#timers.shift();
      this.now = Math.max(this.now, next.at);
      next.call();
      await settled();
    }
    this.now = moment;
  }
}

/** Everything that waits for nothing but its turn has had it. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface TestLoop {
  loop: Loop;
  state: State;
  /** Called with each record that is committed. */
  onCommitted: ((committed: Committed) => void)[];
}

/** A leader: of a new log, or of one that another wrote before. */
export async function lead(time: TestTime, store: MemoryStore): Promise<TestLoop> {
  const state = createState();
  const log = store.open();
  const tip = await foldLog(log, state, { after: GENESIS });
  const onCommitted: ((committed: Committed) => void)[] = [];
  const prng = createPrng(time.now);
  const loop = new Loop({
    state,
    tip,
    log,
    clock: time.clock,
    random: { bytes: (n) => prng.bytes(n), unit: () => prng.unit() },
    clusterId: "c",
    onEffects: () => {},
    onCommitted: (record) => onCommitted.forEach((call) => call(record)),
    onEnded: (error) => {
      throw error;
    },
  });
  loop.execute(CLAIM);
  await loop.committed();
  return { loop, state, onCommitted };
}

export const newStore = (): MemoryStore => createMemoryStore();
