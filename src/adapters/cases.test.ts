import { describe, expect, test } from "vitest";
import fc from "fast-check";
import type { CaseResult } from "./adapter.ts";
import { FILE_CASE, RUN_CASE } from "./adapter.ts";
import { fitsCommandLine, namedCases, onlyCases, titlePattern } from "./cases.ts";
import { outcomes } from "./real-run.testing.ts";

const made = (name: string, more: Partial<CaseResult> = {}): CaseResult => ({
  file: "a",
  name,
  outcome: "passed",
  duration_ms: 1,
  ...more,
});
const only = (cases: CaseResult[], asked: { file: string; name: string; parameters?: string }[]): string[] =>
  outcomes(onlyCases({ cases, problems: [] }, { cases: asked }).cases);

describe("of what ran", () => {
  test("only what was asked for is left", () => {
    const ran = [made("x"), made("x y"), made("x > y"), made("x", { file: "b" })];
    expect(only(ran, [{ file: "a", name: "x" }])).toEqual(["a::x passed"]);
  });

  test("parameters tell cases of one name apart", () => {
    const ran = [made("x", { parameters: "project=p" }), made("x", { parameters: "project=q" })];
    const asked = [{ file: "a", name: "x", parameters: "project=q" }];
    expect(onlyCases({ cases: ran, problems: [] }, { cases: asked }).cases).toEqual([ran[1]]);
  });

  test("a case that did not run is an error, and so is why its file broke", () => {
    const broken = made(FILE_CASE, { outcome: "error" });
    expect(only([broken], [{ file: "a", name: "x" }])).toEqual(["a::(file) error", "a::x error"]);
  });

  test("a file or the run stands for everything in it", () => {
    const ran = [made("x"), made("y"), made("z", { file: "b" })];
    expect(only(ran, [{ file: "a", name: FILE_CASE }])).toEqual(["a::x passed", "a::y passed"]);
    expect(only(ran, [{ file: "", name: RUN_CASE }])).toHaveLength(3);
  });

  test("a group stands for what is in it", () => {
    const ran = [made("g > x"), made("g > h > y"), made("gg > x")];
    expect(only(ran, [{ file: "a", name: "g > (group)" }])).toEqual([
      "a::g > h > y passed",
      "a::g > x passed",
    ]);
  });
});

describe("the pattern over titles", () => {
  test("matches the titles of the chosen, joined with a blank, whatever is in them", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", minLength: 1 }), { minLength: 1 }), (titles) => {
        const pattern = new RegExp(titlePattern([{ file: "a", name: titles.join(" > ") }]));
        expect(pattern.test(titles.join(" "))).toBe(true);
        expect(pattern.test(`${titles.join(" ")}!`)).toBe(false);
      }),
    );
  });

  test("a named group is everything in it", () => {
    const pattern = new RegExp(titlePattern([{ file: "a", name: "g > (group)" }]));
    expect(["g x", "g h y", "g", "gg x"].map((title) => pattern.test(title))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("there is none as soon as one of the cases is a whole file or has a cut name", () => {
    const x = { file: "a", name: "x" };
    expect(namedCases([x])).toEqual([x]);
    expect(namedCases([x, { file: "b", name: FILE_CASE }])).toBeNull();
    expect(namedCases([x, { file: "b", name: "long\n… cut: 9000 bytes in all" }])).toBeNull();
  });
});

test("a command line that the system would refuse is known before", () => {
  expect(fitsCommandLine(["node", "x".repeat(100_000)])).toBe(true);
  expect(fitsCommandLine(["node", "x".repeat(200_000)])).toBe(false);
  expect(fitsCommandLine(Array.from({ length: 200 }, () => "x".repeat(100_000)))).toBe(false);
});
