/** A task as people submit it, and how it becomes the one that the core knows. */
import * as z from "zod/mini";
import {
  DEFAULT_PRIORITY,
  isGpuHardware,
  isKnownAttribute,
  type Requirements,
  type Resources,
  type TaskSpec,
} from "../core/index.ts";
import { patternProblem } from "./file-patterns.ts";
import { named } from "./named.ts";
import { matrixInput } from "./matrix.ts";

const finite = z.number();
const amount = finite.check(z.minimum(0), z.maximum(1e9));
const word = z.string().check(z.minLength(1), z.maxLength(256));
const words = z.array(word).check(z.maxLength(100));

const UNKNOWN_ATTRIBUTE =
  "unknown attribute; known: os, arch, cpu.model, memory_gb, gpu.count, runtime.NAME, browser.NAME, " +
  "label.NAME and others in docs/TASKS.md";
const attribute = word.check(z.refine((name) => isKnownAttribute(name), UNKNOWN_ATTRIBUTE));
const constraintShape = {
  attribute,
  operator: z.enum(["=", "!=", "<", "<=", ">", ">=", "in", "not_in", "exists", "not_exists"]),
  value: z.optional(z.union([word, finite, words])),
};

const filePatternText = z
  .string()
  .check(z.maxLength(256))
  .check(
    z.refine((text) => patternProblem(text) === null, {
      error: ({ input }) => patternProblem(String(input)),
    }),
  );

const requirements = z.strictObject({
  hardware: z.optional(words),
  hardware_any: z.optional(words),
  min_memory_gb: z.optional(amount),
  min_cuda_compute: z.optional(z.union([amount, word])),
  min_gpu_memory_gb: z.optional(amount),
  browsers: z.optional(words),
  os: z.optional(z.union([word, words])),
  arch: z.optional(z.union([word, words])),
  labels: z.optional(z.record(word, z.string().check(z.maxLength(256)))),
  constraints: z.optional(z.array(z.strictObject(constraintShape)).check(z.maxLength(100))),
  preferences: z.optional(
    z
      .array(z.strictObject({ ...constraintShape, weight: finite.check(z.minimum(-1000), z.maximum(1000)) }))
      .check(z.maxLength(100)),
  ),
  exclusive: z.optional(z.boolean()),
  concurrency_key: z.optional(word),
});

const retryPolicy = z.strictObject({
  max_retries: z.optional(z.int().check(z.minimum(0), z.maximum(100))),
  retry_delay_seconds: z.optional(finite.check(z.minimum(0), z.maximum(86_400))),
});

export const taskInput = z.strictObject({
  type: z.enum(["test", "benchmark", "command", "critical", "maintenance"]),
  name: z.optional(z.string().check(z.minLength(1), z.maxLength(1024))),
  priority: z.optional(z.int().check(z.minimum(0), z.maximum(1000))),
  config: z.optional(z.record(z.string(), z.unknown())),
  requirements: z.optional(requirements),
  resources: z.optional(
    z.strictObject({
      cpu: z.optional(amount),
      memory_gb: z.optional(amount),
      gpu: z.optional(z.int().check(z.minimum(0), z.maximum(64))),
    }),
  ),
  timeout_seconds: z.optional(finite.check(z.minimum(0.001), z.maximum(30 * 86_400))),
  retry_policy: z.optional(retryPolicy),
  /** Task ids, or names of tasks in the same submission. */
  dependencies: z.optional(z.array(word).check(z.maxLength(1000))),
  /** Hash of an uploaded workspace; the task runs in a copy of it. */
  workspace: z.optional(z.string().check(z.regex(/^[0-9a-f]{64}$/))),
  env: z.optional(
    z.record(
      z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/)),
      z.string().check(z.maxLength(32_768)),
    ),
  ),
  /** Patterns of files to keep, relative to the folder that the task runs in. */
  artifacts: z.optional(z.array(filePatternText).check(z.maxLength(100))),
  estimate_seconds: z.optional(amount),
  /** Axes of values; the task becomes one for each combination. */
  matrix: z.optional(matrixInput),
});

named("TaskInput", taskInput, "A task as people write it: docs/TASKS.md says what each field means.");

export type TaskInput = z.infer<typeof taskInput>;

/** What the worker reads of the payload; the core carries it unread. */
export interface TaskPayload {
  /** First, so that whoever looks for it need not read the rest: the trace of whoever submitted. */
  traceparent?: string;
  config: Record<string, unknown>;
  workspace?: string;
  env?: Record<string, string>;
  /** Patterns of files. */
  artifacts?: string[];
}

const DEFAULT_TIMEOUT_S = 3600;

/** Everything but what only the submission knows. Dependencies are still as they were written. */
export type TaskDraft = Omit<TaskSpec, "task_id" | "run_id" | "project" | "payload"> & { payload: string };

export function draftTask(input: TaskInput): TaskDraft {
  const { type, retry_policy: retry, estimate_seconds: estimate } = input;
  const payload: TaskPayload = {
    config: input.config ?? {},
    ...(input.workspace !== undefined && { workspace: input.workspace }),
    ...(input.env !== undefined && { env: input.env }),
    ...(input.artifacts !== undefined && input.artifacts.length > 0 && { artifacts: input.artifacts }),
  };
  const needs = normaliseRequirements(input);
  return {
    name: input.name ?? defaultName(input),
    type,
    priority: input.priority ?? DEFAULT_PRIORITY[type],
    requirements: needs,
    resources: occupied(input, needs),
    timeout_ms: Math.round((input.timeout_seconds ?? DEFAULT_TIMEOUT_S) * 1000),
    max_retries: retry?.max_retries ?? 0,
    retry_delay_ms: Math.round((retry?.retry_delay_seconds ?? 0) * 1000),
    dependencies: input.dependencies ?? [],
    estimate_ms: estimate === undefined ? null : Math.round(estimate * 1000),
    payload: JSON.stringify(payload),
  };
}

export function defaultName(input: TaskInput): string {
  const config = input.config ?? {};
  for (const key of ["test_file", "model", "shell"]) {
    if (typeof config[key] === "string") return `${input.type} ${config[key]}`.slice(0, 200);
  }
  if (Array.isArray(config["command"])) return config["command"].join(" ").slice(0, 200);
  return input.type;
}

function normaliseRequirements(input: TaskInput): Requirements {
  const {
    os,
    arch,
    min_cuda_compute: compute,
    exclusive,
    constraints,
    preferences,
    ...plain
  } = input.requirements ?? {};
  const result = {
    ...plain,
    ...(os !== undefined && { os: listOf(os) }),
    ...(arch !== undefined && { arch: listOf(arch) }),
    ...(compute !== undefined && { min_cuda_compute: String(compute) }),
    ...(exclusive === true && { exclusive: true as const }),
    ...(constraints !== undefined && { constraints }),
    ...(preferences !== undefined && { preferences }),
  };
  return dropUndefined(result) as Requirements;
}

function listOf(value: string | string[]): string[] {
  return typeof value === "string" ? [value] : value;
}

function dropUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

/** `min_memory_gb` is memory free for the task, so the task occupies it; GPU hardware asks for one device. */
function occupied(input: TaskInput, needs: Requirements): Resources {
  const { cpu, memory_gb, gpu } = input.resources ?? {};
  const asksForGpu =
    (needs.hardware ?? []).some(isGpuHardware) ||
    needs.min_cuda_compute !== undefined ||
    needs.min_gpu_memory_gb !== undefined;
  return {
    cpu_milli: Math.round((cpu ?? 0) * 1000),
    memory_mb: Math.round(Math.max(memory_gb ?? 0, needs.min_memory_gb ?? 0) * 1024),
    gpu: gpu ?? (asksForGpu ? 1 : 0),
  };
}
