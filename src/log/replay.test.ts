/** What was written once is read for ever: fixtures under test/replay, none of which is ever edited. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkInvariants, createState, type Event } from "../core/index.ts";
import { foldLog, GENESIS } from "./fold.ts";
import { KNOWN_EVENTS } from "./known-events.ts";
import { createMemoryLog } from "./memory.ts";
import { decodeRecord, hashOf, sealRecord } from "./record.ts";
import { digestOf } from "./state-digest.testing.ts";
import { verifyLog } from "./verify.ts";

const folder = fileURLToPath(new URL("../../test/replay/", import.meta.url));
const files = readdirSync(folder);
const textOf = (name: string): string => readFileSync(`${folder}${name}`, "utf8");

const FIXTURE = /^([A-Z][A-Za-z]+)\.v(\d+)\.json$/;

describe("recorded events", () => {
  it("exist for every version of every variant, and for nothing else", () => {
    const expected = [...KNOWN_EVENTS].flatMap(([type, newest]) =>
      Array.from({ length: newest }, (_, i) => `${type}.v${i + 1}.json`),
    );
    expect(files.filter((name) => FIXTURE.test(name)).sort()).toEqual(expected.sort());
  });

  it.each(files.filter((name) => FIXTURE.test(name)))("%s is decoded as what it was", (name) => {
    const event = JSON.parse(textOf(name)) as Event;
    const [, type, version] = FIXTURE.exec(name) ?? [];
    expect([event.type, String(event.v)]).toEqual([type, version]);
    const header = { cluster_id: "c", position: 1, epoch: 1, batch_id: "b", prev_hash: GENESIS.hash, at: 1 };
    expect(decodeRecord(sealRecord(header, [textOf(name)])).events).toEqual([event]);
  });
});

describe("recorded logs", () => {
  const logs = files.filter((name) => name.endsWith(".jsonl"));

  it("are there", () => {
    expect(logs.length).toBeGreaterThan(0);
  });

  it.each(logs)("%s folds to the state that it folded to", async (name) => {
    const log = createMemoryLog();
    const seen = new Set<string>();
    for (const text of textOf(name).trimEnd().split("\n")) {
      const bytes = Buffer.from(text);
      const { position, epoch, batch_id, prev_hash, events } = JSON.parse(text);
      const record = { position, epoch, batch_id, prev_hash, hash: hashOf(bytes), bytes };
      expect(await log.append(record)).toEqual({ kind: "won" });
      for (const { type, v } of events as Event[]) seen.add(`${type}.v${v}.json`);
    }
    const state = createState();
    const { position, hash, epoch } = await foldLog(log, state, { after: GENESIS });
    const expected = JSON.parse(textOf(name.replace(".jsonl", ".expected.json")));
    expect({ position, hash, epoch, state: digestOf(state) }).toEqual(expected);
    checkInvariants(state);
    expect(await verifyLog(log)).toMatchObject({ ok: true, lost: 0, duplicated: 0 });
    // The first recorded log holds every variant that there was.
    if (name === "log-1.jsonl") expect(seen.size).toBe(20);
  });
});
