import { readdirSync, readFileSync, writeFileSync } from "node:fs";
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

test("a file goes with its last record, and removing what is not there is nothing", async () => {
  const dir = temporaryDir();
  const spool = createFileSpool(dir);
  await Promise.all([spool.put("a", "1"), spool.put("b", "2"), spool.put("c", "3")]);
  await spool.remove("a");
  await spool.remove("unknown");
  expect(sorted(await spool.all())).toEqual(["b=2", "c=3"]);
  await Promise.all([spool.remove("b"), spool.remove("c")]);
  expect(readdirSync(dir)).toEqual([]);
  expect(await createFileSpool(dir).all()).toEqual([]);
});

test("a removal that follows a put of the same key wins, though the put is still under way", async () => {
  const dir = temporaryDir();
  const spool = createFileSpool(dir);
  const put = spool.put("a", "1");
  await spool.remove("a");
  await put;
  expect(await spool.all()).toEqual([]);
});

test("a half-written file of a crash is swept away, a damaged line costs that record alone", async () => {
  const dir = temporaryDir();
  writeFileSync(`${dir}/batch-000000000007.jsonl.tmp`, '{"key":"x"');
  writeFileSync(
    `${dir}/batch-000000000003.jsonl`,
    '{"key":"a","text":"1"}\n{"key":"b","te\n{"key":"c","text":"3"}\n',
  );
  const spool = createFileSpool(dir);
  expect(sorted(await spool.all())).toEqual(["a=1", "c=3"]);
  await spool.put("d", "4");
  expect(readdirSync(dir).sort()).toEqual(["batch-000000000003.jsonl", "batch-000000000004.jsonl"]);
});

test("a folder that cannot be used is told to every caller", async () => {
  const dir = temporaryDir();
  writeFileSync(`${dir}/file`, "");
  const spool = createFileSpool(`${dir}/file/below`);
  await expect(spool.put("a", "1")).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(spool.all()).rejects.toMatchObject({ code: "ENOTDIR" });
});
