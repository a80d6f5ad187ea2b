/**
 * The boundary for JSON from outside. `JSON.parse` turns 1e309 into Infinity (and writes it back as null),
 * keeps an own `__proto__`, and parses a depth that later recursion cannot walk: all three are refused here,
 * before anything else looks at the tree.
 */
import type { ProblemDetail } from "./problem.ts";

const MAX_DEPTH = 32;

export type Parsed = { ok: true; value: unknown } | { ok: false; error: ProblemDetail };

export function parseJson(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return refuse("", "invalid_json", cause instanceof Error ? cause.message : "not JSON");
  }
  const error = inspect(value);
  return error === null ? { ok: true, value } : { ok: false, error };
}

function refuse(pointer: string, code: string, message: string): Parsed {
  return { ok: false, error: { pointer, code, message } };
}

interface Visit {
  value: unknown;
  pointer: string;
  depth: number;
}

/** Walks without recursion: the input chooses the depth. */
function inspect(root: unknown): ProblemDetail | null {
  const stack: Visit[] = [{ value: root, pointer: "", depth: 0 }];
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    const { value, pointer, depth } = visit;
    if (typeof value === "number" && !Number.isFinite(value)) {
      return { pointer, code: "number_not_finite", message: "the number is too large" };
    }
    if (typeof value !== "object" || value === null) continue;
    if (depth >= MAX_DEPTH) {
      return { pointer: pointer.slice(0, 200), code: "too_deep", message: `deeper than ${MAX_DEPTH} levels` };
    }
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) {
        if (needsVisit(value[i]))
          stack.push({ value: value[i], pointer: `${pointer}/${i}`, depth: depth + 1 });
      }
      continue;
    }
    for (const [key, item] of Object.entries(value)) {
      const at = `${pointer}/${escapeToken(key)}`;
      if (key === "__proto__")
        return { pointer: at, code: "key_refused", message: "__proto__ is not a field" };
      if (needsVisit(item)) stack.push({ value: item, pointer: at, depth: depth + 1 });
    }
  }
  return null;
}

function needsVisit(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "object" && value !== null);
}

/** A key as a token of a JSON pointer (RFC 6901). */
export function escapeToken(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
