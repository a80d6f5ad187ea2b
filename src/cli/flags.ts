/** Values of flags, checked where they are read; all times are in seconds. */
import { InvalidArgumentError } from "commander";
import { patternProblem } from "../protocol/index.ts";
import { shaped } from "./config/shape.ts";

export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return shaped({ kind: "whole", least, most }, (text: string) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
      throw new InvalidArgumentError(`A whole number, ${range}.`);
    }
    return value;
  });
}

export const portNumber = wholeNumber(0, 65_535);

export function secondsToMs(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("Seconds, more than 0.");
  }
  return Math.round(value * 1000);
}

export function daysToMs(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError("Days, 0 or more.");
  }
  return Math.round(value * 86_400_000);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `500M`, `20G`; a bare number is bytes. */
export function sizeInBytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text.trim()) ?? [];
  const factor = UNITS[(unit ?? "").toLowerCase()];
  if (number === undefined || factor === undefined)
    throw new InvalidArgumentError("A size such as 500M or 20G.");
  return Math.round(Number(number) * factor);
}

/** For flags given several times: `--label a=1 --label b=2`. */
export function keyValue(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("NAME=VALUE.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `NAME=VALUE`, or `NAME` for the value it has here. */
export function environment(
  text: string,
  before: Record<string, string> | undefined,
): Record<string, string> {
  if (text.includes("=")) return keyValue(text, before);
  const value = process.env[text];
  if (value === undefined) throw new InvalidArgumentError(`${text} is not set here.`);
  return { ...before, [text]: value };
}

/** `browser=chromium,firefox`: an axis of a matrix with its values. */
export function matrixAxis(
  text: string,
  before: Record<string, string[]> | undefined,
): Record<string, string[]> {
  const [axis = "", list] = text.split(/=(.*)/s);
  const values = (list ?? "").split(",").map((value) => value.trim());
  if (axis === "" || values.includes("")) throw new InvalidArgumentError("AXIS=VALUE,VALUE.");
  return { ...before, [axis]: values };
}

export function addresses(text: string): string[] {
  const urls = text.split(",").map((part) => part.trim());
  for (const url of urls) {
    if (!/^(https?|wss?):\/\/[^/\s]+/.test(url))
      throw new InvalidArgumentError(`"${url}" is no http or ws address.`);
  }
  return urls;
}

/** Words as a shell would part them, with quotes and backslashes, without any expansion. */
export function words(text: string): string[] {
  const found: string[] = [];
  const pattern = /\s*((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)\s*/gy;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) throw new InvalidArgumentError("The quotes do not match.");
    found.push(unquoted(match[1] ?? ""));
  }
  return found;
}

function unquoted(word: string): string {
  return word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, escaped, double, single) => {
    if (escaped !== undefined) return escaped as string;
    return double === undefined ? (single as string) : (double as string).replace(/\\(["\\$`])/g, "$1");
  });
}

export function artifactPattern(text: string, before: string[] | undefined): string[] {
  const problem = patternProblem(text);
  if (problem !== null) throw new InvalidArgumentError(`${problem}.`);
  return [...(before ?? []), text];
}

shaped({ kind: "seconds" }, secondsToMs);
shaped({ kind: "size" }, sizeInBytes);
shaped({ kind: "pairs" }, keyValue);
shaped({ kind: "pairs" }, environment);
shaped({ kind: "pairs" }, matrixAxis);
shaped({ kind: "addresses" }, addresses);
shaped({ kind: "words" }, words);
shaped({ kind: "list", of: { kind: "text" } }, artifactPattern);
