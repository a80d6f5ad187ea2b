import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { filePattern, matchesName, patternEnds, patternProblem, patternStep } from "./file-patterns.ts";
import { PATTERN_START } from "./file-patterns.ts";

function matches(text: string, path: string): boolean {
  const pattern = filePattern(text);
  let place = PATTERN_START;
  for (const name of path.split("/")) place = patternStep(pattern, place, name);
  return patternEnds(pattern, place);
}

describe("a pattern of files", () => {
  test.each<[string, string[], string[]]>([
    ["out/**/*.png", ["out/a.png", "out/x/y/a.png"], ["a.png", "out/a.txt", "xout/a.png", "out/a.png/b"]],
    ["coverage/", ["coverage/a", "coverage/a/b"], ["coverages/a", "a/coverage/b"]],
    ["**", ["a", "a/b/c"], []],
    ["**/log?.txt", ["log1.txt", "a/log2.txt"], ["log.txt", "a/log12.txt"]],
    ["./a/./b", ["a/b"], ["a"]],
    ["a/**/b/**/c", ["a/b/c", "a/x/b/y/z/c"], ["a/c", "a/b"]],
    ["[id].txt", ["[id].txt"], ["i.txt"]],
  ])("%s", (pattern, yes, no) => {
    for (const path of yes) expect([path, matches(pattern, path)]).toEqual([path, true]);
    for (const path of no) expect([path, matches(pattern, path)]).toEqual([path, false]);
  });

  test("agrees with an obvious matcher of names", () => {
    const slow = (part: string, name: string): boolean => {
      if (part === "") return name === "";
      if (part[0] === "*") return slow(part.slice(1), name) || (name !== "" && slow(part, name.slice(1)));
      return name !== "" && (part[0] === "?" || part[0] === name[0]) && slow(part.slice(1), name.slice(1));
    };
    const word = (letters: string[]) => fc.array(fc.constantFrom(...letters), { maxLength: 8 });
    fc.assert(
      fc.property(word(["a", "b", "*", "?"]), word(["a", "b"]), (part, name) => {
        expect(matchesName(part.join(""), name.join(""))).toBe(slow(part.join(""), name.join("")));
      }),
    );
  });

  test("made to be slow is not", () => {
    const began = performance.now();
    expect(matchesName(`${"*a".repeat(100)}*b`, "a".repeat(5_000))).toBe(false);
    expect(matches(`${"**/a*/".repeat(30)}b`, `${"a/".repeat(300)}c`)).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  test.each(["", "/etc/passwd", "../x", "a/../b", "C:/x", "a\\b", "a\0", "a/".repeat(70)])(
    "refuses %j",
    (pattern) => expect(patternProblem(pattern)).not.toBeNull(),
  );
});
