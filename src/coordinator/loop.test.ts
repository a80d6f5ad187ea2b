import { expect, test } from "vitest";
import { createPrng, createState, saveState, type Command, type Effect } from "../core/index.ts";
import { createMemoryStore, foldLog, GENESIS, type AppendFault } from "../log/index.ts";
import type { Clock } from "../ports/index.ts";
import { Loop, LoopEnded, type Committed } from "./loop.ts";

const CLAIM: Command = {
  type: "claim_leadership",
  cluster_id: "c",
  coordinator_id: "c1",
  incarnation: "i",
  host: "h",
  pid: 1,
  pid_started: "0",
};

function openRun(id: string): Command {
  return { type: "open_run", run_id: id, project: "p", run_key: null, name: id };
}

/** A loop on a memory log whose flushes end when the test says so. */
function start(fault: () => AppendFault = () => ({ kind: "none" })) {
  const flushes: (() => void)[] = [];
  let now = 1_000;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (_ms, call) => (flushes.push(call), { cancel: () => {} }),
    soon: (call) => queueMicrotask(call),
  };
  const store = createMemoryStore({ flush: { clock, delayMs: () => 1 }, fault });
  const committed: Committed[] = [];
  const effects: Effect[] = [];
  const ended: LoopEnded[] = [];
  const prng = createPrng(1);
  const loop = new Loop({
    state: createState(),
    tip: GENESIS,
    log: store.open(),
    clock,
    random: { bytes: (n) => prng.bytes(n), unit: () => prng.unit() },
    clusterId: "c",
    onEffects: (list) => effects.push(...list),
    onCommitted: (record) => committed.push(record),
    onEnded: (error) => ended.push(error),
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const flush = async (): Promise<void> => {
    await settle();
    now += 1;
    for (const call of flushes.splice(0)) call();
    await settle();
  };
  return { loop, store, committed, ended, settle, flush };
}

test("nothing is answered before the flush that covers it", async () => {
  const { loop, flush, settle } = start();
  loop.execute(CLAIM);
  let answered = false;
  void loop.read((state) => state.epoch).then(() => (answered = true));
  await settle();
  expect(loop.state.epoch).toBe(1);
  expect(answered).toBe(false);
  await flush();
  expect(answered).toBe(true);
});

test("what comes during a flush shares the next one", async () => {
  const { loop, flush, committed, settle } = start();
  loop.execute(CLAIM);
  await settle();
  for (let i = 0; i < 50; i++) loop.execute(openRun(`r${i}`));
  await flush();
  await flush();
  expect(committed.map(({ position, events }) => [position, events.length])).toEqual([
    [1, 1],
    [2, 50],
  ]);
});

test("a large decision fills several records and folds to the same state", async () => {
  const { loop, flush, store, committed } = start();
  loop.execute(CLAIM);
  for (let i = 0; i < 4_500; i++) loop.execute(openRun(`r${i}`));
  for (let i = 0; i < 5; i++) await flush();
  expect(committed.length).toBeGreaterThanOrEqual(3);
  const folded = createState();
  await foldLog(store.open(), folded, { after: GENESIS });
  const lines = (state: typeof folded): string[] =>
    [...saveState(state)].slice(1).map((line) => JSON.stringify(line));
  expect(lines(folded)).toEqual(lines(loop.state));
});

test("a lost answer is asked for again with the same record, and counted once", async () => {
  const faults: AppendFault[] = [
    { kind: "ack_lost", lands: "now" },
    { kind: "ack_lost", lands: "never" },
  ];
  const { loop, flush, committed, ended } = start(() => faults.shift() ?? { kind: "none" });
  loop.execute(CLAIM);
  loop.execute(openRun("r"));
  for (let i = 0; i < 6; i++) await flush();
  expect(committed.map(({ position }) => position)).toEqual([1]);
  expect(ended).toEqual([]);
});

test("a position that another has won ends the loop, and everybody who waits is told", async () => {
  const one = start();
  one.loop.execute(CLAIM);
  await one.flush();
  const rival = one.store.open();
  const tip = await rival.tip();
  const { sealRecord } = await import("../log/index.ts");
  const header = { cluster_id: "c", position: 2, epoch: 2, batch_id: "x", prev_hash: tip.hash, at: 5_000 };
  const appended = rival.append(sealRecord(header, ['{"type":"WorkerUncordoned","v":1,"worker_id":"w"}']));
  await one.flush();
  await appended;
  one.loop.execute(openRun("late"));
  const told = one.loop.committed().catch((error: LoopEnded) => error.code);
  await one.flush();
  expect(await told).toBe("not_leader");
  expect(one.ended.map(({ code }) => code)).toEqual(["not_leader"]);
  expect(() => one.loop.execute(openRun("later"))).toThrow(LoopEnded);
});
