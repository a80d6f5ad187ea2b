import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { startOfTail } from "./log-reading.ts";
import { SEARCH_START, searchLog } from "./log-search.ts";
import type { Match, SearchPlace } from "./log-search.ts";

const KEY = { task_id: "t", attempt: 1 };

function logOf(text: string | Buffer) {
  const bytes = Buffer.from(text as string);
  return {
    logSize: () => bytes.length,
    readLog: async (_: object, { from, to }: { from: number; to?: number }) => bytes.subarray(from, to),
  };
}

async function search(text: string | Buffer, wanted: string, more: object = {}): Promise<Match[]> {
  const log = logOf(text);
  const all: Match[] = [];
  let from: SearchPlace | null = SEARCH_START;
  while (from !== null) {
    const asked = { text: wanted, ignoreCase: false, to: Infinity, limit: 3, isOver: () => true, ...more };
    const { matches, next } = await searchLog(log, KEY, { ...asked, from });
    all.push(...matches);
    from = next;
  }
  return all;
}

describe("a search in a log", () => {
  test("finds each line once, with its number, place and text", async () => {
    expect(await search("one\ntwo two\n\nno\r\na two\r\nlast two", "two")).toEqual([
      { line: 2, offset: 4, text: "two two", is_cut: false },
      { line: 5, offset: 17, text: "a two", is_cut: false },
      { line: 6, offset: 24, text: "last two", is_cut: false },
    ]);
  });

  test("agrees with looking at every line, whatever the pages and pieces", async () => {
    const line = fc.array(fc.constantFrom("a", "b", "B", "x"), { maxLength: 6 }).map((all) => all.join(""));
    const log = fc.array(line, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        log,
        fc.constantFrom("a", "ab", "bb"),
        fc.boolean(),
        async (lines, wanted, ignoreCase) => {
          const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
          const expected = lines.flatMap((text, i) => (fold(text).includes(wanted) ? [i + 1] : []));
          const found = await search(lines.join("\n"), wanted, { limit: 2, ignoreCase });
          expect(found.map((match) => match.line)).toEqual(expected);
        },
      ),
    );
  });

  test("finds what lies across two pieces, and counts lines over many", async () => {
    const filler = Buffer.alloc(512 * 1024 - 3, "0123456789abcde\n");
    const [match] = await search(Buffer.concat([filler, Buffer.from("needle\n"), filler]), "needle");
    const lines = filler.toString().split("\n").length;
    expect(match).toMatchObject({ line: lines, text: expect.stringMatching(/needle$/) });
  });

  test("shows of a line without end the part around what was found", async () => {
    const long = Buffer.concat([
      Buffer.alloc(3_000_000, "x"),
      Buffer.from("needle"),
      Buffer.alloc(9_000, "y"),
    ]);
    const found = await search(long, "needle");
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ line: 1, offset: 0, is_cut: true });
    expect(found[0]?.text).toMatch(/^x{200}needley+$/);
    expect(found[0]?.text).toHaveLength(1024);
  });

  test("stops after its time and says where to go on", async () => {
    const log = logOf(Buffer.alloc(5_000_000, "line\n"));
    const asked = { text: "no", ignoreCase: false, to: Infinity, limit: 1, from: SEARCH_START };
    let pieces = 0;
    const isOver = () => ++pieces === 2;
    const { next, bytes } = await searchLog(log, KEY, { ...asked, isOver });
    expect([next?.at, bytes]).toEqual([1024 * 1024, 1024 * 1024]);
  });
});

test("the last lines of a log begin where they begin", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "bb", ""), { maxLength: 12 }),
      fc.boolean(),
      fc.nat(14),
      async (lines, isEnded, wanted) => {
        const text = lines.join("\n") + (isEnded && lines.length > 0 ? "\n" : "");
        const all = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
        const expected = wanted === 0 ? "" : all.slice(-wanted).join("");
        const from = await startOfTail(logOf(text), KEY, { size: text.length, lines: wanted });
        expect(text.slice(from)).toBe(expected);
      },
    ),
  );
  const long = `${"x".repeat(700_000)}\nb\n`;
  expect(await startOfTail(logOf(long), KEY, { size: long.length, lines: 2 })).toBe(0);
});
