import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createState, type Event } from "../core/index.ts";
import type { SealedRecord } from "./event-log.ts";
import { createChain, foldLog, foldRecord, GENESIS } from "./fold.ts";
import { createMemoryLog } from "./memory.ts";
import { writeHistory } from "./random-history.testing.ts";
import { decodeRecord, hashOf, MAX_EVENTS, sealRecord } from "./record.ts";
import { collect, recordAfter, tipOf } from "./records.testing.ts";

const header = {
  cluster_id: 'c"1',
  position: 1,
  epoch: 1,
  batch_id: "b",
  prev_hash: GENESIS.hash,
  at: 5,
};
const event: Event = { type: "WorkerUncordoned", v: 1, worker_id: "wörker" };

function resealed(record: SealedRecord, change: (text: string) => string): SealedRecord {
  const bytes = Buffer.from(change(Buffer.from(record.bytes).toString()));
  return { ...record, bytes, hash: hashOf(bytes) };
}

describe("a record", () => {
  it("is one JSON object with the events as they were given, under the hash of its bytes", () => {
    const record = sealRecord(header, [JSON.stringify(event), JSON.stringify(event)]);
    expect(Buffer.from(record.bytes).toString()).toBe(
      `{"format":1,"cluster_id":"c\\"1","position":1,"epoch":1,"batch_id":"b",` +
        `"prev_hash":"${"0".repeat(64)}","at":5,` +
        `"events":[{"type":"WorkerUncordoned","v":1,"worker_id":"wörker"},` +
        `{"type":"WorkerUncordoned","v":1,"worker_id":"wörker"}]}`,
    );
    expect(record.hash).toBe(createHash("sha256").update(record.bytes).digest("hex"));
    expect(decodeRecord(record)).toEqual({ format: 1, ...header, events: [event, event] });
  });

  it("may be empty", () => {
    expect(decodeRecord(sealRecord(header, [])).events).toEqual([]);
  });

  it("is refused above its limits", () => {
    const text = JSON.stringify(event);
    expect(() =>
      sealRecord(
        header,
        Array.from({ length: MAX_EVENTS + 1 }, () => text),
      ),
    ).toThrow(
      expect.objectContaining({
        code: "record_too_large",
        details: { size: 2001, limit: 2000, unit: "events" },
      }),
    );
    expect(() => sealRecord(header, [JSON.stringify("x".repeat(600_000))])).toThrow(
      expect.objectContaining({
        code: "record_too_large",
        details: expect.objectContaining({ unit: "bytes" }),
      }),
    );
  });

  it("is refused with its position after any flipped bit", () => {
    const record = sealRecord(header, [JSON.stringify(event)]);
    for (let bit = 0; bit < record.bytes.length * 8; bit += 13) {
      const bytes = Buffer.from(record.bytes);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => decodeRecord({ ...record, bytes })).toThrow(
        expect.objectContaining({ code: "log_corrupt", details: { position: 1 } }),
      );
    }
  });

  it("is refused at another position than its own", () => {
    const record = sealRecord(header, []);
    expect(() => decodeRecord({ ...record, position: 2 })).toThrow(
      expect.objectContaining({ code: "log_corrupt" }),
    );
  });

  it.each([
    ["format", '"format":1', '"format":2'],
    ["event type", "WorkerUncordoned", "WorkerAdored"],
    ["event version", '"v":1', '"v":2'],
  ])("is refused as newer with an unknown %s", (_, known, unknown) => {
    const record = resealed(sealRecord(header, [JSON.stringify(event)]), (text) =>
      text.replace(known, unknown),
    );
    expect(() => decodeRecord(record)).toThrow(
      expect.objectContaining({ code: "log_newer", details: { position: 1 } }),
    );
  });

  it.each([
    ["no JSON", () => "{"],
    ["no object", () => "null"],
    ["no list of events", (text: string) => text.replace("[", "{").replace("]", "}")],
  ])("is refused as damaged when it is %s", (_, change) => {
    const record = resealed(sealRecord(header, []), change);
    expect(() => decodeRecord(record)).toThrow(expect.objectContaining({ code: "log_corrupt" }));
  });
});

describe("a chain of records", () => {
  const first = recordAfter(GENESIS);

  it("refuses a gap, a repetition, a stranger's successor and an epoch that goes back", () => {
    const second = recordAfter(tipOf(first), { epoch: 2 });
    const refusals: [SealedRecord, string][] = [
      [recordAfter({ ...tipOf(second), position: 3 }), "record 4 is damaged: it follows on record 2"],
      [second, "record 2 is damaged: it follows on record 2"],
      [
        recordAfter({ ...tipOf(second), hash: first.hash }),
        "record 3 is damaged: it does not name the record before it",
      ],
      [recordAfter(tipOf(second)), "record 3 is damaged: epoch 1 stands after epoch 2"],
    ];
    const chain = createChain(GENESIS, "");
    chain.accept(first);
    chain.accept(second);
    for (const [record, message] of refusals) expect(() => chain.accept(record)).toThrow(message);
    expect(chain.tip).toEqual(tipOf(second));
  });

  it("refuses the record of another cluster", () => {
    expect(() => createChain(GENESIS, "mine").accept(first)).toThrow(
      expect.objectContaining({
        code: "log_foreign",
        details: { position: 1, expected: "mine", found: "test" },
      }),
    );
    const stranger = resealed(recordAfter(tipOf(first)), (text) => text.replace('"test"', '"other"'));
    const chain = createChain(GENESIS, "");
    chain.accept(first);
    expect(() => chain.accept(stranger)).toThrow(expect.objectContaining({ code: "log_foreign" }));
  });

  it("folds record by record as it folds at once", async () => {
    const log = createMemoryLog();
    const { tip } = await writeHistory(log, { seed: 11, steps: 80 });
    const [whole, stepwise] = [createState(), createState()];
    expect(await foldLog(log, whole, { after: GENESIS })).toEqual(tip);
    const chain = createChain(GENESIS, "");
    for (const stored of await collect(log.read(1))) foldRecord(stepwise, chain.accept(stored));
    expect(stepwise).toEqual(whole);
  });
});
