/**
 * One definition of a task, many tasks: every combination of the values of its axes.
 *
 * Four axes say where a task runs and become requirements: `hardware`, `browser`, `os`, `arch`. Every other
 * axis is a parameter. All of them reach the task as `TESTYARD_MATRIX_<AXIS>` and in the place of
 * `${{ matrix.axis }}` wherever that stands in its name, config, environment or requirements. The order is
 * that of an odometer: the last axis turns fastest, included combinations come last.
 */
import * as z from "zod/mini";
import type { ProblemDetail } from "./problem.ts";

export type MatrixValue = string | number | boolean;
export type Combination = Readonly<Record<string, MatrixValue>>;

const MAX_COMBINATIONS = 1_000;
const MAX_NAME_CHARS = 1024;
const RESERVED = new Set(["include", "exclude"]);

const value = z.union([z.string().check(z.minLength(1), z.maxLength(256)), z.number(), z.boolean()]);
const axisName = z
  .string()
  .check(z.regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, "an axis has letters, digits and underscores"));
const combination = z.record(axisName, value);
const combinations = z.array(combination).check(z.maxLength(MAX_COMBINATIONS));
const values = z.array(value).check(z.minLength(1, "an axis has a value at least"), z.maxLength(256));

/** Axes by their names, each with its values; `include` and `exclude` hold combinations. */
export type MatrixInput = Readonly<Record<string, readonly MatrixValue[] | readonly Combination[]>>;

/** TypeScript has no type for "these two keys, and all others like so"; the check at run time is exact. */
export const matrixInput = z.catchall(
  z.object({ include: z.optional(combinations), exclude: z.optional(combinations) }),
  values,
) as unknown as z.ZodMiniType<MatrixInput>;

interface Definition {
  name?: string | undefined;
  config?: Record<string, unknown> | undefined;
  env?: Record<string, string> | undefined;
  requirements?: object | undefined;
  matrix?: MatrixInput | undefined;
}

export type Expanded<T> = { ok: true; tasks: T[] } | { ok: false; error: ProblemDetail };

/** @param fallbackName what a definition without a name is called */
export function expandMatrix<T extends Definition>(definition: T, fallbackName: string): Expanded<T> {
  const { matrix, ...task } = definition;
  if (matrix === undefined) return { ok: true, tasks: [definition] };
  const all = combinationsOf(matrix);
  if (typeof all === "string") return refused(all);
  const tasks: T[] = [];
  for (const each of all) {
    const filled = fill(task, each);
    if (typeof filled === "string") return refused(filled);
    tasks.push(placed(filled as T, each, fallbackName));
  }
  return { ok: true, tasks };
}

function refused(message: string): { ok: false; error: ProblemDetail } {
  return { ok: false, error: { pointer: "/matrix", code: "matrix_invalid", message } };
}

/** What is wrong, as a sentence, or all combinations. */
function combinationsOf({ include: more, exclude: less, ...rest }: MatrixInput): Combination[] | string {
  const [include, exclude] = [(more ?? []) as Combination[], (less ?? []) as Combination[]];
  const axes = Object.entries(rest as Record<string, MatrixValue[]>);
  const bad = axes.find(([name]) => !axisName.safeParse(name).success || RESERVED.has(name));
  if (bad !== undefined) return `"${bad[0].slice(0, 64)}" is no name of an axis`;
  const stray = exclude.flatMap((each) => Object.keys(each)).find((name) => !Object.hasOwn(rest, name));
  if (stray !== undefined) return `exclude names the axis "${stray}", which the matrix has not`;
  const size = axes.reduce((product, [, list]) => product * list.length, 1);
  if (size > MAX_COMBINATIONS) {
    return `the axes make ${size} combinations, the limit is ${MAX_COMBINATIONS}: split the task`;
  }
  let all: Combination[] = axes.length === 0 ? [] : [{}];
  for (const [name, list] of axes) {
    all = all.flatMap((before) => list.map((item) => ({ ...before, [name]: item })));
  }
  const kept = all.filter((each) => !exclude.some((one) => isWithin(one, each)));
  const found = new Map([...kept, ...include].map((each) => [labelOf(each), each]));
  if (found.size === 0) return "no combination is left";
  if (found.size > MAX_COMBINATIONS) return `more than ${MAX_COMBINATIONS} combinations: split the task`;
  return [...found.values()];
}

/** An empty one is within everything, as it asks for nothing. */
function isWithin(part: Combination, whole: Combination): boolean {
  return Object.entries(part).every(([name, item]) => whole[name] === item);
}

/** `browser=firefox, size=2`: what a combination is called in names, and what tells test identities apart. */
export function labelOf(combination: Readonly<Record<string, unknown>>): string {
  return Object.entries(combination)
    .map(([name, item]) => `${name}=${String(item)}`)
    .join(", ");
}

const PLACEHOLDER = /\$\{\{\s*matrix\.([A-Za-z0-9_]+)\s*\}\}/g;
const ALONE = /^\$\{\{\s*matrix\.([A-Za-z0-9_]+)\s*\}\}$/;

/** A string that is nothing but a placeholder becomes the value itself, so that a number stays one. */
function fill(part: unknown, combination: Combination): unknown {
  let unknown: string | undefined;
  const valueOf = (name: string): MatrixValue => {
    if (!Object.hasOwn(combination, name)) unknown ??= name;
    return combination[name] ?? "";
  };
  const walk = (item: unknown): unknown => {
    if (typeof item === "string") {
      const alone = ALONE.exec(item)?.[1];
      if (alone !== undefined) return valueOf(alone);
      return item.replace(PLACEHOLDER, (_, name: string) => String(valueOf(name)));
    }
    if (Array.isArray(item)) return item.map(walk);
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, walk(inner)]));
  };
  const filled = walk(part);
  if (unknown === undefined) return filled;
  return `\${{ matrix.${unknown} }} names an axis that the combination (${labelOf(combination)}) has not`;
}

/** What an axis with a meaning asks of the worker, in the words of `requirements`. */
const REQUIREMENT_OF: Readonly<Record<string, string>> = {
  hardware: "hardware",
  browser: "browsers",
  os: "os",
  arch: "arch",
};

function placed<T extends Definition>(task: T, combination: Combination, fallbackName: string): T {
  const requirements: Record<string, unknown> = { ...task.requirements };
  const env: Record<string, string> = {};
  for (const [name, item] of Object.entries(combination)) {
    env[`TESTYARD_MATRIX_${name.toUpperCase()}`] = String(item);
    const requirement = REQUIREMENT_OF[name];
    if (requirement !== undefined) requirements[requirement] = [String(item)];
  }
  const suffix = ` [${labelOf(combination)}]`;
  const name = String(task.name ?? fallbackName).slice(0, Math.max(0, MAX_NAME_CHARS - suffix.length));
  return {
    ...task,
    name: (name + suffix).slice(0, MAX_NAME_CHARS),
    config: { ...task.config, matrix: combination },
    env: { ...env, ...task.env },
    ...(Object.keys(requirements).length > 0 && { requirements }),
  };
}
