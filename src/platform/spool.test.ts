import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDir } from "./processes.testing.ts";
import { createFileSpool } from "./spool.ts";

const sorted = (records: { key: string; text: string }[]) =>
  records.map(({ key, text }) => `${key}=${text}`).sort();

test("what was put is there for the next process, as it was last put", async () => {
  const dir = temporaryDir();
  const spool = createFileSpool(dir);
  await spool.put("a/1", "first");
  await spool.put("b/1", 'line\n"quoted" \u{1F600}');
  await spool.put("a/1", "second");
  expect(sorted(await spool.all())).toEqual(["a/1=second", 'b/1=line\n"quoted" \u{1F600}']);
  expect(sorted(await createFileSpool(dir).all())).toEqual(["a/1=second", 'b/1=line\n"quoted" \u{1F600}']);
});

test("puts that arrive together share files, and each is there when it says so", async () => {
  const dir = temporaryDir();
  const spool = createFileSpool(dir);
  await Promise.all(
    Array.from({ length: 500 }, async (_, i) => {
      await spool.put(`task/${i}`, `text ${i}`);
      const texts = readdirSync(dir).map((name) => readFileSync(`${dir}/${name}`, "utf8"));
      expect(texts.some((text) => text.includes(`"text ${i}"`))).toBe(true);
    }),
  );
  expect(readdirSync(dir).length).toBeLessThan(10);
  expect(await createFileSpool(dir).all()).toHaveLength(500);
});

test("a removed record does not come back, and removing what is not there is nothing", async () => {
  const dir = temporaryDir();
  const spool = createFileSpool(dir);
  await Promise.all([spool.put("a", "1"), spool.put("b", "2")]);
  await spool.remove("a");
  await spool.remove("unknown");
  expect(sorted(await spool.all())).toEqual(["b=2"]);
  await spool.remove("b");
  await spool.put("c", "3");
  expect(sorted(await createFileSpool(dir).all())).toEqual(["c=3"]);
});

test("files do not pile up behind records that have gone", async () => {
  const dir = temporaryDir();
  const spool = createFileSpool(dir);
  for (let round = 0; round < 40; round++) {
    const keys = Array.from({ length: 20 }, (_, i) => `${round}/${i}`);
    await Promise.all(keys.map((key) => spool.put(key, "x".repeat(1000))));
    await Promise.all(keys.map((key) => spool.remove(key)));
  }
  await spool.put("last", "1");
  const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(`${dir}/${name}`).size, 0);
  expect(bytes).toBeLessThan(300 * 1024);
  expect(sorted(await createFileSpool(dir).all())).toContain("last=1");
});

test("a torn or damaged line costs that record alone", async () => {
  const dir = temporaryDir();
  const lines = '{"key":"a","text":"1"}\n{"key":"b","te\n{"key":"c","text":"3"}\n{"key":"d"';
  writeFileSync(`${dir}/segment-000000000003.jsonl`, lines);
  const spool = createFileSpool(dir);
  expect(sorted(await spool.all())).toEqual(["a=1", "c=3"]);
  await spool.put("e", "5");
  expect(readdirSync(dir).sort()).toEqual(["segment-000000000003.jsonl", "segment-000000000004.jsonl"]);
});

test("a folder that cannot be used is told to every caller", async () => {
  const dir = temporaryDir();
  writeFileSync(`${dir}/file`, "");
  const spool = createFileSpool(`${dir}/file/below`);
  await expect(spool.put("a", "1")).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(spool.all()).rejects.toMatchObject({ code: "ENOTDIR" });
});
