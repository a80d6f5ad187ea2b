import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkInvariants, createState, saveState, type State } from "../core/index.ts";
import { silentLogger, type Logger } from "../ports/index.ts";
import { foldLog, GENESIS } from "./fold.ts";
import { createMemoryLog } from "./memory.ts";
import { commit, perform, writeHistory, claim } from "./random-history.testing.ts";
import { loadState, readLatestSnapshot, writeSnapshot, type Snapshot } from "./snapshot.ts";

function describeState(state: State): unknown[] {
  return [...saveState(state)];
}

describe("snapshots", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "testyard-snapshot-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it("loads, with the tail of the log, the state that a fold of the whole log gives", async () => {
    const property = async (seed: number, steps: number, moreSteps: number): Promise<void> => {
      const log = createMemoryLog();
      const history = await writeHistory(log, { seed, steps });
      const early = createState();
      const middle = Math.max(1, history.tip.position - moreSteps);
      const until = await foldUntil(log, early, middle);
      rmSync(dir, { recursive: true, force: true });
      writeSnapshot(dir, { state: early, tip: until });
      const loaded = await loadState({ log, snapshotDir: dir });
      const whole = createState();
      const tip = await foldLog(log, whole, { after: GENESIS });
      expect(tip).toEqual(history.tip);
      expect(describeState(whole)).toEqual(describeState(history.state));
      expect(loaded.tip).toEqual(tip);
      expect(describeState(loaded.state)).toEqual(describeState(whole));
      checkInvariants(loaded.state);
    };
    const seed = fc.integer({ min: 0, max: 2 ** 31 });
    await fc.assert(
      fc.asyncProperty(seed, fc.integer({ min: 1, max: 250 }), fc.integer({ min: 0, max: 120 }), property),
      {
        numRuns: 30,
      },
    );
  });

  it("keeps a submission that is open between two records", async () => {
    const log = createMemoryLog();
    const history = await writeHistory(log, { seed: 7, steps: 30 });
    const submission_id = "open";
    const run_id = [...history.state.runs.keys()][0] ?? "";
    const opened = { type: "SubmissionOpened", v: 1, submission_id, project: "default", run_id } as const;
    await commit(log, history, [{ ...opened, first_task_id: "", count: 0, idempotency: null }]);
    writeSnapshot(dir, history);
    await commit(log, history, [{ type: "SubmissionSealed", v: 1, submission_id }]);
    const loaded = await loadState({ log, snapshotDir: dir });
    expect(describeState(loaded.state)).toEqual(describeState(history.state));
  });

  const three = async (): Promise<Snapshot[]> => {
    const log = createMemoryLog();
    const history = await writeHistory(log, { seed: 1, steps: 20 });
    const snapshots: Snapshot[] = [];
    for (const name of ["a", "b", "c"]) {
      await perform(log, history, claim(name));
      writeSnapshot(dir, history);
      snapshots.push({ state: history.state, tip: history.tip });
    }
    return snapshots;
  };

  it("keeps the newest two", async () => {
    const [, second, third] = await three();
    const positions = [second, third].map((snapshot) => String(snapshot?.tip.position).padStart(16, "0"));
    expect(readdirSync(dir)).toEqual(positions.map((position) => `snapshot-${position}.jsonl`));
    expect(readLatestSnapshot(dir)?.tip).toEqual(third?.tip);
  });

  it("removes what a writer left that was ended half way", async () => {
    writeFileSync(join(dir, "snapshot-0000000000000001.jsonl.99.tmp"), "{");
    await three();
    expect(readdirSync(dir).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  const damages: Record<string, (bytes: Buffer) => Buffer> = {
    "a flipped bit in its middle": (bytes) => {
      const copy = Buffer.from(bytes);
      const middle = copy.length >> 1;
      copy[middle] = (copy[middle] ?? 0) ^ 1;
      return copy;
    },
    "its end missing": (bytes) => bytes.subarray(0, bytes.lastIndexOf(10, bytes.length - 2) + 1),
    "a line missing": (bytes) => {
      const lines = bytes.toString().split("\n");
      return Buffer.from([...lines.slice(0, 3), ...lines.slice(4)].join("\n"));
    },
    "nothing in it": () => Buffer.alloc(0),
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`passes over a snapshot with ${name}, with a warning, and takes the older one`, async () => {
      const [, second] = await three();
      const newest = join(dir, readdirSync(dir).sort().at(-1) ?? "");
      writeFileSync(newest, damage(readFileSync(newest)));
      const warnings: unknown[] = [];
      const logger: Logger = { ...silentLogger, warn: (...warning) => void warnings.push(warning) };
      expect(readLatestSnapshot(dir, logger)?.tip).toEqual(second?.tip);
      expect(warnings).toEqual([["a snapshot is passed over", expect.objectContaining({ file: newest })]]);
    });
  }

  it("is not needed: without one the whole log is folded", async () => {
    const log = createMemoryLog();
    const history = await writeHistory(log, { seed: 3, steps: 50 });
    const loaded = await loadState({ log, snapshotDir: join(dir, "none") });
    expect(describeState(loaded.state)).toEqual(describeState(history.state));
  });

  it("refuses a log that ends before the snapshot, or goes another way", async () => {
    const log = createMemoryLog();
    const history = await writeHistory(log, { seed: 3, steps: 50 });
    writeSnapshot(dir, history);
    const older = createMemoryLog();
    await writeHistory(older, { seed: 3, steps: 10 });
    const refused = { code: "log_rewound", details: { seen: history.tip.position } };
    await expect(loadState({ log: older, snapshotDir: dir })).rejects.toMatchObject(refused);
    const other = createMemoryLog();
    const otherHistory = await writeHistory(other, { seed: 4, steps: 50 });
    while (otherHistory.tip.position < history.tip.position) await perform(other, otherHistory, claim("x"));
    await expect(loadState({ log: other, snapshotDir: dir })).rejects.toMatchObject({
      code: expect.stringMatching(/^log_(rewound|corrupt)$/),
    });
  });

  it("refuses a truncated log that no snapshot reaches", async () => {
    const log = createMemoryLog();
    await writeHistory(log, { seed: 3, steps: 50 });
    await log.truncateBefore(5);
    await expect(loadState({ log, snapshotDir: dir })).rejects.toMatchObject({ code: "log_truncated" });
  });
});

/** Folds the first `last` records of the log. */
async function foldUntil(
  log: ReturnType<typeof createMemoryLog>,
  state: State,
  last: number,
): Promise<Snapshot["tip"]> {
  const head = createMemoryLog();
  for await (const { position, hash, bytes } of log.read(1)) {
    if (position > last) break;
    const { epoch, batch_id, prev_hash } = JSON.parse(Buffer.from(bytes).toString());
    await head.append({ position, epoch, batch_id, prev_hash, hash, bytes });
  }
  return foldLog(head, state, { after: GENESIS });
}
