import { expect, it } from "vitest";
import { counted, table } from "./table.ts";

it("counts one without an s", () => {
  expect([0, 1, 2].map((count) => counted(count, "file"))).toEqual(["0 files", "1 file", "2 files"]);
});

it("leaves no blanks at the end of a line", () => {
  expect(table(["A", "B", ""], [["long", "x", ""]])).toBe("A     B\nlong  x");
});
