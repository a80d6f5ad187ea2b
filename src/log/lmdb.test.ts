import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { open } from "lmdb";
import { describeEventLog } from "./contract.testing.ts";
import type { EventLog, SealedRecord } from "./event-log.ts";
import { openLmdbLog } from "./lmdb.ts";
import { appendSome, collect, recordAfter } from "./records.testing.ts";

describeEventLog("lmdb", async () => {
  const dir = mkdtempSync(join(tmpdir(), "testyard-log-"));
  const opened: EventLog[] = [];
  return {
    async open() {
      const log = await openLmdbLog({ dir });
      opened.push(log);
      return log;
    },
    async cleanUp() {
      await Promise.all(opened.map((log) => log.close()));
      rmSync(dir, { recursive: true });
    },
  };
});

describe("lmdb log", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "testyard.log-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it("holds after opening again what it held before", async () => {
    const log = await openLmdbLog({ dir });
    const records = await appendSome(log, 5);
    await log.close();
    const again = await openLmdbLog({ dir });
    expect((await collect(again.read(1))).map(({ hash }) => hash)).toEqual(records.map(({ hash }) => hash));
    await appendSome(again, 1);
    await again.close();
  });

  it("grows without a limit of its own, and the bytes it handed out stay as they were", async () => {
    const log = await openLmdbLog({ dir });
    const reader = await openLmdbLog({ dir, readOnly: true });
    const records: SealedRecord[] = [];
    for (let i = 0; i < 60; i++) {
      const record = recordAfter(await log.tip(), { size: 400_000 });
      await log.append(record);
      records.push(record);
    }
    const stored = await collect(reader.read(1));
    expect(stored.every(({ bytes }, i) => records[i] && Buffer.compare(bytes, records[i].bytes) === 0)).toBe(
      true,
    );
    expect(stored).toHaveLength(60);
    await reader.close();
    await log.close();
  });

  it("truncates a long log in pieces", async () => {
    const log = await openLmdbLog({ dir });
    await appendSome(log, 1_200);
    await log.truncateBefore(1_101);
    expect(await log.first()).toBe(1_101);
    expect(await collect(log.read(1_101))).toHaveLength(100);
    await log.close();
  });

  it("refuses to write or to create anything when opened for reading only", async () => {
    await expect(openLmdbLog({ dir: join(dir, "none"), readOnly: true })).rejects.toMatchObject({
      code: "log_missing",
    });
    const log = await openLmdbLog({ dir });
    const reader = await openLmdbLog({ dir, readOnly: true });
    const refused = { code: "log_read_only" };
    await expect(reader.append(recordAfter(await log.tip()))).rejects.toMatchObject(refused);
    await expect(reader.truncateBefore(1)).rejects.toMatchObject(refused);
    await reader.close();
    await log.close();
  });

  it("refuses a file that is no database instead of crashing on it", async () => {
    writeFileSync(join(dir, "data.mdb"), Buffer.alloc(20_000, 7));
    await expect(openLmdbLog({ dir })).rejects.toMatchObject({ code: "log_corrupt" });
  });

  it("refuses the database of another program and leaves it alone", async () => {
    const foreign = open<string, string>({ path: dir, noSubdir: false });
    await foreign.put("colour", "blue");
    await foreign.close();
    await expect(openLmdbLog({ dir })).rejects.toMatchObject({ code: "log_corrupt" });
    const again = open<string, string>({ path: dir, noSubdir: false });
    expect(again.get("colour")).toBe("blue");
    await again.close();
  });

  it("refuses a file that was cut short instead of crashing on it", async () => {
    const log = await openLmdbLog({ dir });
    for (let i = 0; i < 20; i++) await log.append(recordAfter(await log.tip(), { size: 200_000 }));
    await log.close();
    truncateSync(join(dir, "data.mdb"), 1_000_000);
    await expect(openLmdbLog({ dir })).rejects.toMatchObject({ code: "log_corrupt" });
  });

  it("looks at once when it is poked, however long it would wait by itself", async () => {
    const log = await openLmdbLog({ dir });
    const reader = await openLmdbLog({ dir, readOnly: true, pollMs: 3_600_000 });
    let arrived: (position: number) => void = () => {};
    const next = (): Promise<number> => new Promise((resolve) => (arrived = resolve));
    const first = next();
    await appendSome(log, 1);
    const tail = reader.tail(1, ({ position }) => arrived(position));
    expect(await first).toBe(1);
    const second = next();
    await appendSome(log, 1);
    reader.poke();
    expect(await second).toBe(2);
    tail.stop();
    await reader.close();
    await log.close();
  });
});
