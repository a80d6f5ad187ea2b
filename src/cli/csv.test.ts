import { expect, it } from "vitest";
import { csv } from "./csv.ts";

const one = (value: Parameters<typeof csv>[1][number][number]): string => csv(["x"], [[value]]).slice(3, -2);

it.each([
  ["=1+1", "'=1+1"],
  ["+1+1", "'+1+1"],
  ["-cmd", "'-cmd"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["  =1", "'  =1"],
  ["\tx", "'\tx"],
  ["\rx", `"'\rx"`],
  ["a\n=b", `"a\n'=b"`],
  ['=a"b', `"'=a""b"`],
])("%j becomes text", (given, expected) => {
  expect(one(given)).toBe(expected);
});

it.each([
  [-1.5, "-1.5"],
  ["-12345678901234567890", "-12345678901234567890"],
  ["-0.10", "-0.10"],
  [null, ""],
  [true, "true"],
  ["a,b", '"a,b"'],
  [[1, "x"], '"[1,""x""]"'],
])("%j stays what it is", (given, expected) => {
  expect(one(given)).toBe(expected);
});

it("has a head and ends its lines as RFC 4180 says", () => {
  expect(csv(["a", "=b"], [[1, 2]])).toBe("a,'=b\r\n1,2\r\n");
});
