/**
 * Holds a value against a schema; what is wrong comes back as pointers and sentences, not as an exception.
 */
import * as z from "zod/mini";
import { escapeToken } from "./json.ts";
import type { ProblemDetail } from "./problem.ts";
import { nearest } from "./suggest.ts";

export type Validated<T> = { ok: true; value: T } | { ok: false; errors: ProblemDetail[] };

const MAX_ERRORS = 20;

export function validate<T>(schema: z.ZodMiniType<T>, value: unknown): Validated<T> {
  const result = z.safeParse(schema, value);
  if (result.success) return { ok: true, value: result.data };
  const errors = result.error.issues.flatMap((issue) => details(schema, issue));
  return { ok: false, errors: errors.slice(0, MAX_ERRORS) };
}

function details(schema: z.ZodMiniType, issue: z.core.$ZodIssue): ProblemDetail[] {
  const pointer = issue.path.map((part) => `/${escapeToken(String(part))}`).join("");
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const hint = guess === null ? "" : `; did you mean "${guess}"?`;
      return {
        pointer: `${pointer}/${escapeToken(key)}`,
        code: "unknown_field",
        message: `unknown field "${key}"${hint}`,
      };
    });
  }
  return [{ pointer, code: issue.code, message: issue.message || describe(issue) }];
}

function describe(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${issue.expected}`;
    case "too_small":
      return `must be at least ${String(issue.minimum)}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}`;
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    default:
      return issue.code.replaceAll("_", " ");
  }
}

/** Follows the path through the schema's own definition to the object that refused a key. */
function knownKeys(schema: z.ZodMiniType, path: readonly PropertyKey[]): string[] {
  let at: unknown = unwrap(schema);
  for (const part of path) at = unwrap(step(at, part));
  return isShaped(at) ? Object.keys(at._zod.def.shape) : [];
}

interface Defined {
  _zod: {
    def: {
      type: string;
      innerType?: unknown;
      element?: unknown;
      shape?: Record<string, unknown>;
      valueType?: unknown;
    };
  };
}

function isDefined(value: unknown): value is Defined {
  return typeof value === "object" && value !== null && "_zod" in value;
}

function isShaped(value: unknown): value is { _zod: { def: { shape: Record<string, unknown> } } } {
  return isDefined(value) && value._zod.def.shape !== undefined;
}

function unwrap(value: unknown): unknown {
  return isDefined(value) && value._zod.def.innerType !== undefined
    ? unwrap(value._zod.def.innerType)
    : value;
}

function step(at: unknown, part: PropertyKey): unknown {
  if (!isDefined(at)) return undefined;
  const { def } = at._zod;
  return def.shape?.[String(part)] ?? def.element ?? def.valueType;
}
