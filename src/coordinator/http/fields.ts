/** Checks of small request bodies, field by field, with a pointer to what is wrong. */
import { escapeToken, nearest, type ProblemDetail } from "../../protocol/index.ts";
import { isProject } from "./query.ts";
import { invalid } from "./refusal.ts";

/** What is wrong with a value; null when nothing is. */
export type Check = (value: unknown) => string | null;

/** The fields of an object, all of them known and each as its check wants it. @throws Refusal */
export function readFields<K extends string>(
  value: unknown,
  checks: Readonly<Record<K, Check>>,
  base = "",
): { [P in K]?: unknown } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid([{ pointer: base, code: "invalid_type", message: "expected an object" }]);
  }
  const known = Object.keys(checks);
  const errors: ProblemDetail[] = [];
  for (const [key, item] of Object.entries(value)) {
    const pointer = `${base}/${escapeToken(key)}`;
    if (!Object.hasOwn(checks, key))
      errors.push({ pointer, code: "unknown_field", message: unknown(key, known) });
    else {
      const message = checks[key as K](item);
      if (message !== null) errors.push({ pointer, code: "invalid_value", message });
    }
  }
  if (errors.length > 0) throw invalid(errors.slice(0, 20));
  return value as { [P in K]?: unknown };
}

function unknown(key: string, known: readonly string[]): string {
  const guess = nearest(key, known);
  return `unknown field "${key.slice(0, 100)}"${guess === null ? "" : `; did you mean "${guess}"?`}`;
}

export const anything: Check = () => null;

export const text =
  (limit: number): Check =>
  (value) =>
    typeof value === "string" && value.length > 0 && value.length <= limit
      ? null
      : `expected a text of 1 to ${limit} characters`;

export const projectName: Check = (value) =>
  typeof value === "string" && isProject(value)
    ? null
    : "a project's name has 1 to 64 letters, digits, dots, dashes and underscores";

const HASH = /^[0-9a-f]{64}$/;

export function isHash(value: unknown): value is string {
  return typeof value === "string" && HASH.test(value);
}

export const hashes =
  (limit: number): Check =>
  (value) => {
    if (!Array.isArray(value)) return "expected a list of hashes";
    if (value.length > limit) return `at most ${limit} hashes`;
    return value.every(isHash) ? null : "a hash is 64 hex digits";
  };
