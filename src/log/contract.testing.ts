/**
 * What every event log does, whatever it stands on. Races have six writers: two clients in turn pass on a
 * broken fence.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EventLog, SealedRecord } from "./event-log.ts";
import { GENESIS } from "./fold.ts";
import { MAX_RECORD_BYTES } from "./record.ts";
import { appendSome, collect, followUntil, recordAfter, tipOf } from "./records.testing.ts";

/** One place where logs lie, empty at first, and as many handles on it as a test opens. */
export interface LogPlace {
  open(): Promise<EventLog>;
  /** Closes every handle and removes what was written. */
  cleanUp(): Promise<void>;
}

const WRITERS = 6;

export function describeEventLog(name: string, createPlace: () => Promise<LogPlace>): void {
  describe(`event log: ${name}`, () => {
    let place: LogPlace;
    let log: EventLog;
    const context = { place: () => place, log: () => log };

    beforeEach(async () => {
      place = await createPlace();
      log = await place.open();
    });
    afterEach(() => place.cleanUp());

    describe("append", () => {
      appendCases(context);
    });
    describe("limits", () => {
      limitCases(context);
    });
    describe("races", () => {
      raceCases(context);
    });
    describe("read and tail", () => {
      readingCases(context);
    });
    describe("truncation", () => {
      truncationCases(context);
    });
    describe("close", () => {
      closeCases(context);
    });
  });
}

interface Context {
  log: () => EventLog;
  place: () => LogPlace;
}

function appendCases({ log, place }: Context): void {
  it("is empty at first", async () => {
    expect(await log().tip()).toEqual(GENESIS);
    expect(await log().first()).toBe(1);
    expect(await collect(log().read(1))).toEqual([]);
  });

  it("keeps what it was given, byte for byte, for every handle", async () => {
    const records = await appendSome(log(), 3);
    const other = await place().open();
    const stored = await collect(other.read(1));
    expect(stored.map(({ position, hash }) => ({ position, hash }))).toEqual(
      records.map(({ position, hash }) => ({ position, hash })),
    );
    expect(stored.map(({ bytes }) => Buffer.from(bytes))).toEqual(records.map(({ bytes }) => bytes));
    expect(await other.tip()).toEqual(tipOf(records[2] as SealedRecord));
  });

  it("answers won when the very same record comes again, at the tip and below it", async () => {
    const [first, , third] = await appendSome(log(), 3);
    expect(await log().append(first as SealedRecord)).toEqual({ kind: "won" });
    expect(await log().append(third as SealedRecord)).toEqual({ kind: "won" });
    expect((await log().tip()).position).toBe(3);
    expect(await collect(log().read(1))).toHaveLength(3);
  });

  it("answers lost with the tip when another record holds the position", async () => {
    const rival = recordAfter(GENESIS);
    await appendSome(log(), 2);
    expect(await log().append(rival)).toEqual({ kind: "lost", tip: await log().tip() });
  });

  it("answers lost to the successor of a record that never won", async () => {
    const neverWon = recordAfter(GENESIS);
    const successor = recordAfter(tipOf(neverWon));
    const [held] = await appendSome(log(), 1);
    expect(await log().append(successor)).toEqual({ kind: "lost", tip: tipOf(held as SealedRecord) });
  });

  it("refuses a gap and writes nothing", async () => {
    await appendSome(log(), 2);
    const far = recordAfter({ position: 4, hash: "4".repeat(64), epoch: 1 });
    await expect(log().append(far)).rejects.toMatchObject({
      code: "log_rewound",
      details: { seen: 4, tip: 2 },
    });
    expect((await log().tip()).position).toBe(2);
  });
}

function limitCases({ log }: Context): void {
  it("refuses a record above its limit and takes the next one", async () => {
    const good = recordAfter(GENESIS);
    const tooLarge = { ...good, bytes: new Uint8Array(MAX_RECORD_BYTES + 1) };
    await expect(log().append(tooLarge)).rejects.toMatchObject({ code: "record_too_large" });
    expect(await log().append(good)).toEqual({ kind: "won" });
  });

  it("takes a record of the largest size", async () => {
    const largest = recordAfter(GENESIS, { size: MAX_RECORD_BYTES - 400 });
    expect(await log().append(largest)).toEqual({ kind: "won" });
    const [stored] = await collect(log().read(1));
    expect(stored?.hash).toBe(largest.hash);
    expect(Buffer.from(stored?.bytes ?? []).equals(Buffer.from(largest.bytes))).toBe(true);
  });

  it("takes appends that do not wait for each other, in their order", async () => {
    const records: SealedRecord[] = [];
    for (let tip = GENESIS; records.length < 20; tip = tipOf(records.at(-1) as SealedRecord)) {
      records.push(recordAfter(tip));
    }
    const results = await Promise.all(records.map((record) => log().append(record)));
    expect(results.every(({ kind }) => kind === "won")).toBe(true);
    expect(await log().tip()).toEqual(tipOf(records.at(-1) as SealedRecord));
  });
}

function raceCases({ log, place }: Context): void {
  it(`gives every position to exactly one of ${WRITERS} writers that race for it`, async () => {
    const writers = await Promise.all(Array.from({ length: WRITERS }, () => place().open()));
    for (let round = 1; round <= 30; round++) {
      const tip = await log().tip();
      const rivals = writers.map(() => recordAfter(tip));
      const results = await Promise.all(writers.map((writer, i) => writer.append(rivals[i] as SealedRecord)));
      const winners = rivals.filter((_, i) => results[i]?.kind === "won");
      expect(winners).toHaveLength(1);
      const won = tipOf(winners[0] as SealedRecord);
      expect(await log().tip()).toEqual(won);
      expect(results.filter(({ kind }) => kind !== "won")).toEqual(
        Array.from({ length: WRITERS - 1 }, () => ({ kind: "lost", tip: won })),
      );
    }
  });

  it(`keeps one unbroken chain while ${WRITERS} writers run free`, async () => {
    const won = new Map<number, string>();
    const write = async (): Promise<void> => {
      const writer = await place().open();
      for (let i = 0; i < 20; i++) {
        const record = recordAfter(await writer.tip());
        if ((await writer.append(record)).kind !== "won") continue;
        expect(won.has(record.position)).toBe(false);
        won.set(record.position, record.hash);
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, write));
    const stored = await collect(log().read(1));
    expect(stored.map(({ hash }) => hash)).toEqual(stored.map(({ position }) => won.get(position)));
    expect(stored).toHaveLength(won.size);
  });

  it("gives all appends of one and the same record the same answer", async () => {
    const writers = await Promise.all(Array.from({ length: WRITERS }, () => place().open()));
    const record = recordAfter(GENESIS);
    const results = await Promise.all(writers.map((writer) => writer.append(record)));
    expect(results).toEqual(writers.map(() => ({ kind: "won" })));
    expect(await collect(log().read(1))).toHaveLength(1);
  });
}

function readingCases({ log, place }: Context): void {
  it("reads from the middle to the tip at the time of the call", async () => {
    await appendSome(log(), 5);
    const reading = log().read(3);
    await appendSome(log(), 1);
    expect((await collect(reading)).map(({ position }) => position)).toEqual([3, 4, 5]);
  });

  it("gives a tail all that is there and all that comes, in order, exactly once", async () => {
    await appendSome(log(), 300);
    const other = await place().open();
    const seen = followUntil(other, 11, { until: (records) => records.at(-1)?.position === 500 });
    await appendSome(log(), 200);
    expect((await seen).map(({ position }) => position)).toEqual(
      Array.from({ length: 490 }, (_, i) => i + 11),
    );
    const stored = await collect(log().read(11));
    expect((await seen).map(({ hash }) => hash)).toEqual(stored.map(({ hash }) => hash));
  });

  it("lets a tail wait for a position that is not written yet", async () => {
    const seen = followUntil(log(), 3, { until: (records) => records.length === 2 });
    await appendSome(log(), 4);
    expect((await seen).map(({ position }) => position)).toEqual([3, 4]);
  });

  it("gives a stopped tail nothing more", async () => {
    const stopped: number[] = [];
    const tail = log().tail(1, ({ position }) => {
      stopped.push(position);
      if (position === 2) tail.stop();
    });
    const all = followUntil(log(), 1, { until: (records) => records.length === 5 });
    await appendSome(log(), 5);
    await all;
    expect(stopped).toEqual([1, 2]);
  });

  it("ends a tail whose reader throws, and tells it", async () => {
    await appendSome(log(), 2);
    const ended = new Promise((resolve) => {
      const onRecord = (): void => {
        throw new Error("the fold refuses");
      };
      log().tail(1, onRecord, { onEnd: resolve });
    });
    expect(await ended).toMatchObject({ message: "the fold refuses" });
  });
}

function truncationCases({ log, place }: Context): void {
  it("forgets what lies below and keeps the tip", async () => {
    const records = await appendSome(log(), 10);
    await log().truncateBefore(8);
    expect(await log().first()).toBe(8);
    expect((await collect(log().read(8))).map(({ position }) => position)).toEqual([8, 9, 10]);
    await expect(collect(log().read(7))).rejects.toMatchObject({
      code: "log_truncated",
      details: { from: 7, first: 8 },
    });
    expect(await log().tip()).toEqual(tipOf(records[9] as SealedRecord));
    await appendSome(log(), 1);
  });

  it("forgets everything and still goes on from the tip", async () => {
    const records = await appendSome(log(), 3);
    await log().truncateBefore(99);
    expect(await log().first()).toBe(4);
    expect(await collect(log().read(4))).toEqual([]);
    expect(await log().append(records[2] as SealedRecord)).toEqual({ kind: "won" });
    const [next] = await appendSome(log(), 1);
    expect(next?.position).toBe(4);
    expect(await log().first()).toBe(4);
  });

  it("answers lost to a stale writer whose position was forgotten", async () => {
    const stale = recordAfter(GENESIS);
    await appendSome(log(), 5);
    await log().truncateBefore(5);
    const other = await place().open();
    expect(await other.append(stale)).toMatchObject({ kind: "lost" });
    expect(await other.first()).toBe(5);
  });

  it("ends a tail that asks for forgotten records", async () => {
    await appendSome(log(), 5);
    await log().truncateBefore(4);
    const never = (): boolean => false;
    await expect(followUntil(log(), 2, { until: never })).rejects.toMatchObject({ code: "log_truncated" });
  });
}

function closeCases({ log, place }: Context): void {
  it("refuses everything after close, and closes twice", async () => {
    await appendSome(log(), 1);
    const record = recordAfter(await log().tip());
    await log().close();
    await log().close();
    const refused = { code: "log_closed" };
    await expect(log().append(record)).rejects.toMatchObject(refused);
    await expect(log().tip()).rejects.toMatchObject(refused);
    await expect(log().first()).rejects.toMatchObject(refused);
    await expect(collect(log().read(1))).rejects.toMatchObject(refused);
    await expect(log().truncateBefore(1)).rejects.toMatchObject(refused);
    log()
      .tail(1, () => expect.unreachable())
      .stop();
  });

  it("answers an append that was under way, and keeps what it called won", async () => {
    const records = [recordAfter(GENESIS)];
    records.push(recordAfter(tipOf(records[0] as SealedRecord)));
    const answers = records.map((record) => log().append(record));
    await log().close();
    expect(await Promise.all(answers)).toEqual([{ kind: "won" }, { kind: "won" }]);
    const other = await place().open();
    expect((await collect(other.read(1))).map(({ hash }) => hash)).toEqual(records.map(({ hash }) => hash));
  });

  it("leaves the other handles alone", async () => {
    const other = await place().open();
    await log().close();
    await appendSome(other, 2);
    expect((await other.tip()).position).toBe(2);
  });
}
