import { describe, expect, it } from "vitest";
import type { Clock } from "../ports/index.ts";
import { describeEventLog } from "./contract.testing.ts";
import type { EventLog, SealedRecord } from "./event-log.ts";
import { GENESIS } from "./fold.ts";
import { createMemoryLog, createMemoryStore, type AppendFault } from "./memory.ts";
import { appendSome, collect, followUntil, recordAfter, tipOf } from "./records.testing.ts";

describeEventLog("memory", async () => {
  const store = createMemoryStore();
  const opened: EventLog[] = [];
  return {
    async open() {
      const log = store.open();
      opened.push(log);
      return log;
    },
    async cleanUp() {
      await Promise.all(opened.map((log) => log.close()));
    },
  };
});

describeEventLog("memory with a slow disk", async () => {
  const store = createMemoryStore({ flush: { clock: impatientClock(), delayMs: () => 5 } });
  return { open: async () => store.open(), cleanUp: async () => {} };
});

/** Time passes as soon as nobody has anything else to do. */
function impatientClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    monotonic: () => now,
    soon: (call) => void setImmediate(call),
    after(delayMs, call) {
      const due = now + delayMs;
      const timer = setImmediate(() => {
        now = Math.max(now, due);
        call();
      });
      return { cancel: () => clearImmediate(timer) };
    },
  };
}

/** Time passes when the test says so. */
function handClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 0;
  let timers: { due: number; call: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    soon: (call) => queueMicrotask(call),
    after(delayMs, call) {
      const timer = { due: now + delayMs, call };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((other) => other !== timer)) };
    },
    async advance(ms) {
      now += ms;
      const due = timers.filter((timer) => timer.due <= now).sort((a, b) => a.due - b.due);
      timers = timers.filter((timer) => timer.due > now);
      for (const { call } of due) call();
      await settled();
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("faults of the memory log", () => {
  const withFaults = (...faults: AppendFault[]): EventLog =>
    createMemoryLog({ fault: () => faults.shift() ?? { kind: "none" } });

  it("loses an answer whose record landed, and tells at the second try", async () => {
    const log = withFaults({ kind: "ack_lost", lands: "now" });
    const record = recordAfter(GENESIS);
    expect(await log.append(record)).toMatchObject({ kind: "unknown" });
    expect((await log.tip()).position).toBe(1);
    expect(await log.append(record)).toEqual({ kind: "won" });
    expect(await collect(log.read(1))).toHaveLength(1);
  });

  it("loses an answer whose record never landed, and takes it at the second try", async () => {
    const log = withFaults({ kind: "ack_lost", lands: "never" });
    const record = recordAfter(GENESIS);
    expect(await log.append(record)).toMatchObject({ kind: "unknown" });
    expect(await log.tip()).toEqual(GENESIS);
    expect(await log.append(record)).toEqual({ kind: "won" });
  });

  it("lets a record land after a read said that it is absent", async () => {
    const clock = handClock();
    const flush = { clock, delayMs: () => 10 };
    const log = createMemoryLog({ flush, fault: () => ({ kind: "ack_lost", lands: "later" }) });
    const answer = log.append(recordAfter(GENESIS));
    await clock.advance(10);
    expect(await answer).toMatchObject({ kind: "unknown" });
    expect((await log.tip()).position).toBe(0);
    await clock.advance(10);
    expect((await log.tip()).position).toBe(1);
  });

  it("refuses on a full disk, and goes on when there is room", async () => {
    const log = withFaults({ kind: "disk_full" });
    const record = recordAfter(GENESIS);
    await expect(log.append(record)).rejects.toMatchObject({ code: "disk_full" });
    expect(await log.append(record)).toEqual({ kind: "won" });
  });

  it("is dead after its disk broke, for its tails too, while other handles go on", async () => {
    const store = createMemoryStore({ fault: ({ epoch }) => ({ kind: epoch === 9 ? "broken" : "none" }) });
    const [victim, survivor] = [store.open(), store.open()];
    const failed = { code: "log_failed" };
    const tail = followUntil(victim, 1, { until: () => false });
    await expect(victim.append(recordAfter(GENESIS, { epoch: 9 }))).rejects.toMatchObject(failed);
    await expect(tail).rejects.toMatchObject(failed);
    await expect(victim.append(recordAfter(GENESIS))).rejects.toMatchObject(failed);
    await expect(victim.tip()).rejects.toMatchObject(failed);
    await victim.close();
    await appendSome(survivor, 2);
  });

  it("shows and answers an append when its flush has ended, not before", async () => {
    const clock = handClock();
    const log = createMemoryLog({ flush: { clock, delayMs: () => 10 } });
    let answer: unknown;
    void log.append(recordAfter(GENESIS)).then((result) => (answer = result));
    await clock.advance(9);
    expect(answer).toBeUndefined();
    expect(await log.tip()).toEqual(GENESIS);
    await clock.advance(1);
    expect(answer).toEqual({ kind: "won" });
  });

  it("loses in a crash what was not flushed, answers nothing more, and keeps the rest", async () => {
    const clock = handClock();
    const store = createMemoryStore({ flush: { clock, delayMs: () => 10 } });
    const [victim, survivor] = [store.open(), store.open()];
    const kept = recordAfter(GENESIS);
    const first = victim.append(kept);
    await clock.advance(10);
    expect(await first).toEqual({ kind: "won" });
    let answered = false;
    const answer = (): void => void (answered = true);
    victim.append(recordAfter(tipOf(kept))).then(answer, answer);
    victim.crash();
    victim.append(recordAfter(tipOf(kept))).then(answer, answer);
    await clock.advance(100);
    expect(answered).toBe(false);
    expect(await survivor.tip()).toEqual(tipOf(kept));
  });

  it("takes the machine down with all handles, and opens again on what was flushed", async () => {
    const store = createMemoryStore();
    const log = store.open();
    const records = await appendSome(log, 3);
    store.crash();
    const again = store.open();
    expect(await again.tip()).toEqual(tipOf(records[2] as SealedRecord));
  });
});
