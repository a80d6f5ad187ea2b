import { expect, it } from "vitest";
import { isLive, paintFor } from "./io.ts";

const ESC = "\u001b";
const terminal = { isTTY: true };
const pipe = { isTTY: false };

it.each([
  [terminal, {}, true],
  [pipe, {}, false],
  [terminal, { NO_COLOR: "1" }, false],
  [terminal, { NO_COLOR: "" }, true],
  [terminal, { CI: "1" }, false],
  [terminal, { TERM: "dumb" }, false],
  [pipe, { FORCE_COLOR: "1" }, true],
  [terminal, { FORCE_COLOR: "0" }, false],
  [terminal, { FORCE_COLOR: "1", CI: "1" }, true],
  [terminal, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
])("paints on %j with %j: %s", (stream, env, expected) => {
  expect(paintFor(stream, env)("red", "x").includes(ESC)).toBe(expected);
});

it.each([
  [terminal, {}, true],
  [pipe, { FORCE_COLOR: "1" }, false],
  [terminal, { CI: "1" }, false],
  [terminal, { NO_COLOR: "1" }, false],
  [terminal, { TERM: "dumb" }, false],
])("redraws on %j with %j: %s", (stream, env, expected) => expect(isLive(stream, env)).toBe(expected));
