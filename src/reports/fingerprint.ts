/**
 * Which failures have the same cause? Those whose messages are the same but for what changes from run to run.
 *
 * The rule: take the first three lines of the message (of the detail when there is no message), at most 500
 * characters, without colours; then, in this order, file paths become <path>, hexadecimal words of six or
 * more digits (with 0x, in a UUID, or with a digit in them) <hex>, numbers with a unit of time <time>, all
 * other numbers <n>; white space becomes one space. Two failures with the same text are one group. It is a
 * rule of thumb: too coarse for messages that differ in numbers only, too fine where one quotes random words.
 */
import type { CaseReport } from "./model.ts";
import { cleanText, oneLine } from "./text.ts";

const LINES = 3;
const CHARS = 500;
const SEGMENT = String.raw`[\w.@+~-]{1,200}`;
const PATH = [
  String.raw`(?:file:\/\/|\b[A-Za-z]:)?[\\/]${SEGMENT}(?:[\\/]${SEGMENT}){1,50}`,
  String.raw`\b${SEGMENT}(?:[\\/]${SEGMENT}){1,50}\.\w{1,8}\b`,
].join("|");
/** Every pattern is linear: the text is whatever a test wrote. */
const RULES: readonly (readonly [RegExp, string])[] = [
  [new RegExp(PATH, "g"), "<path>"],
  [/\b0x[0-9a-f]+\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, "<hex>"],
  [/\b(?=[a-f]{0,64}\d)[0-9a-f]{6,128}\b/gi, "<hex>"],
  [/\b\d+(?:[.,]\d+)* ?(?:ns|µs|us|ms|s|sec|seconds?|milliseconds?|min|minutes?|h|hours?)\b/g, "<time>"],
  [/\d+(?:[.,]\d+)*/g, "<n>"],
];

/** The text that failures of one cause share. */
export function normalised(text: string): string {
  const lines = cleanText(text.slice(0, 20 * CHARS))
    .split("\n")
    .filter((line) => line.trim() !== "");
  const head = oneLine(lines.slice(0, LINES).join(" ")).slice(0, CHARS);
  return RULES.reduce((found, [pattern, name]) => found.replace(pattern, name), head);
}

/** 16 hex digits over framework and normalised message. */
export function fingerprintOf(it: Pick<CaseReport, "framework" | "message" | "detail">): string {
  return digest(`${it.framework ?? ""}\n${normalised(it.message ?? it.detail ?? "")}`);
}

/** FNV-1a twice: names a group of failures, protects nothing. */
function digest(text: string): string {
  return [0x811c9dc5, 0x01000193]
    .map((seed) => {
      let hash = seed;
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
      return hash.toString(16).padStart(8, "0");
    })
    .join("");
}
