import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TerminalText } from "./terminal-text.ts";

const ESC = "\u001b";
const LETTERS = Array.from("\u001b[]\\;m0A\n\r\u0007\u009b\u009c\u0090a?");

function shown(text: string, { colours = true, pieces = 1000 } = {}): string {
  const terminal = new TerminalText({ colours });
  const bytes = Buffer.from(text);
  let out = "";
  for (let at = 0; at < bytes.length; at += pieces) out += terminal.push(bytes.subarray(at, at + pieces));
  return out + terminal.end();
}

describe("what a terminal is given of a log", () => {
  test.each([
    ["colours stay", `a${ESC}[1;31mred${ESC}[0m`, `a${ESC}[1;31mred${ESC}[0m`],
    ["colours are taken back at the end", `${ESC}[31mred`, `${ESC}[31mred${ESC}[0m`],
    ["the cursor does not move", `a${ESC}[2J${ESC}[10;1Hb${ESC}[1A`, "ab"],
    ["the window keeps its title", `a${ESC}]0;owned\u0007b${ESC}]8;;http://x${ESC}\\c`, "abc"],
    ["the clipboard stays", `${ESC}]52;c;ZXZpbA==\u0007x`, "x"],
    ["device strings go", `${ESC}P1$r${ESC}\\x${ESC}_y${ESC}\\z`, "xz"],
    ["short sequences go", `${ESC}c${ESC}7${ESC}(Bx`, "x"],
    ["eight-bit controls go", "a\u009b31mb\u009d0;t\u0007c\u0085d", `a${ESC}[31mbcd${ESC}[0m`],
    ["bells and backspaces go", "a\u0007b\bc\u007fd\0", "abcd"],
    ["a line is not written over", "10 %\r20 %\r\nok\r", "10 %\n20 %\nok\n"],
    ["other SGR-like sequences go", `${ESC}[?25m${ESC}[>4;2mx`, "x"],
    ["a string without an end costs its line only", `${ESC}]0;never ends\nnext`, "\nnext"],
    ["direction overrides go", "a\u202eb\u2066c", "abc"],
    ["other letters stay", "ä 漢字 😀\t|", "ä 漢字 😀\t|"],
  ])("%s", (_, text, expected) => {
    expect(shown(text)).toBe(expected);
    expect(shown(text, { pieces: 1 })).toBe(expected);
  });

  test("has no escape at all where colours are not wanted", () => {
    expect(shown(`${ESC}[31mred${ESC}[0m`, { colours: false })).toBe("red");
  });

  test("is harmless whatever a test prints", () => {
    const letters = fc.constantFrom(...LETTERS);
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 60 }), fc.boolean(), (all, colours) => {
        const out = shown(all.join(""), { colours });
        const rest = colours ? out.replace(new RegExp(`${ESC}\\[[0-9;:]*m`, "g"), "") : out;
        expect(rest).toMatch(/^[\t\n\x20-\x7e]*$/);
      }),
    );
  });
});
