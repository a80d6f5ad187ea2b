/**
 * From task inputs to one decision.
 *
 * This path is the yard's throughput: one parse, one check and one draft a task, one promise a request. What
 * needs the world (large payloads into the blob store, how long forgotten dependencies ended) is done before
 * the decision, and only where a task asks for it.
 */
import { isUlid, ulid, ulidAfter, type EndState, type Submit, type TaskSpec } from "../../core/index.ts";
import {
  defaultName,
  draftTask,
  expandMatrix,
  escapeToken,
  nearest,
  taskInput,
  validate,
  type ProblemDetail,
  type TaskDraft,
  type TaskInput,
} from "../../protocol/index.ts";
import type { HttpContext } from "./context.ts";
import { invalid, refusal } from "./refusal.ts";

/** What stands in the log of one task, all in all; a larger payload becomes a blob. */
const INLINE_CHARS = 48 * 1024;
const MAX_PAYLOAD_BYTES = 256 * 1024;
const MAX_REQUIREMENTS_CHARS = 16 * 1024;
const MAX_ERRORS = 20;
const MAX_TASKS = 100_000;

export interface Drafts {
  drafts: TaskDraft[];
  /** Where the input of draft i stands in the body. */
  pointerOf: (index: number) => string;
}

/** Drafts of all inputs, or what is wrong with them. `inputAt(i)` is where input i stands in the body. */
export function readTasks(inputs: readonly unknown[], inputAt: (index: number) => string): Drafts {
  const drafts: TaskDraft[] = [];
  const errors: ProblemDetail[] = [];
  const families = new Families();
  for (let i = 0; i < inputs.length && errors.length < MAX_ERRORS; i++) {
    const checked = validate(taskInput, inputs[i]);
    if (checked.ok) {
      const made = draftsOf(checked.value);
      if ("error" in made) errors.push({ ...made.error, pointer: `${inputAt(i)}${made.error.pointer}` });
      else errors.push(...families.add(made, { input: checked.value, index: i, to: drafts, at: inputAt(i) }));
    } else {
      const base = inputAt(i);
      errors.push(...checked.errors.map((error) => ({ ...error, pointer: `${base}${error.pointer}` })));
    }
  }
  if (drafts.length > MAX_TASKS && errors.length === 0) {
    errors.push({
      pointer: "",
      code: "too_large",
      message: `at most ${MAX_TASKS} tasks, expanded ones counted`,
    });
  }
  if (errors.length === 0) return families.resolve(drafts, inputAt);
  const [first] = errors;
  if (first?.code !== "too_large") throw invalid(errors.slice(0, MAX_ERRORS));
  throw refusal("body_too_large", `${first.pointer}: ${first.message}`, { errors });
}

/** The payload is text already: what is added stands in front of the rest. */
export function joinTrace(drafts: readonly TaskDraft[], traceparent: string): void {
  for (const draft of drafts) draft.payload = `{"traceparent":"${traceparent}",${draft.payload.slice(1)}`;
}

function draftsOf(input: TaskInput): TaskDraft[] | { error: ProblemDetail } {
  if (input.matrix === undefined) return [draftTask(input)];
  const all = expandMatrix(input, defaultName(input));
  if (!all.ok) return all;
  // Filled placeholders have made other tasks of it: each is held against the schema as if written so.
  const drafts: TaskDraft[] = [];
  for (const task of all.tasks) {
    const checked = validate(taskInput, task);
    if (!checked.ok) return { error: checked.errors[0] ?? BROKEN };
    drafts.push(draftTask(checked.value));
  }
  return drafts;
}

const BROKEN: ProblemDetail = { pointer: "", code: "invalid_value", message: "not a task" };

interface Made {
  input: TaskInput;
  index: number;
  to: TaskDraft[];
  at: string;
}

/** Which drafts came of which input: nothing is kept while no input has a matrix. */
class Families {
  /** Input of draft i, once they differ. */
  #inputs: number[] | null = null;
  /** A definition's name to those of its tasks. */
  readonly #members = new Map<string, string[]>();

  /** @returns what is wrong */
  add(drafts: readonly TaskDraft[], { input, index, to, at }: Made): ProblemDetail[] {
    if (input.matrix !== undefined) {
      this.#inputs ??= to.map((_, i) => i);
      if (input.name !== undefined) {
        const known = this.#members.get(input.name) ?? [];
        this.#members.set(input.name, [...known, ...drafts.map(({ name }) => name)]);
      }
    }
    for (const draft of drafts) {
      to.push(draft);
      this.#inputs?.push(index);
    }
    return drafts.flatMap((draft) => oversized(draft, at)).slice(0, 1);
  }

  /** Who depends on a definition depends on all of its tasks. */
  resolve(drafts: TaskDraft[], inputAt: (index: number) => string): Drafts {
    const inputs = this.#inputs;
    if (inputs === null) return { drafts, pointerOf: inputAt };
    for (const draft of drafts) {
      draft.dependencies = draft.dependencies.flatMap((name) => this.#members.get(name) ?? name);
    }
    return { drafts, pointerOf: (i) => inputAt(inputs[i] ?? 0) };
  }
}

function oversized({ payload, requirements }: TaskDraft, base: string): ProblemDetail[] {
  // UTF-8 takes at most three bytes for what JavaScript counts as one.
  if (payload.length * 3 > MAX_PAYLOAD_BYTES && Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES) {
    return [
      tooLargePart(`${base}/config`, `config and env of a task take at most ${MAX_PAYLOAD_BYTES} bytes`),
    ];
  }
  if (requirementChars(requirements) <= MAX_REQUIREMENTS_CHARS) return [];
  return [
    tooLargePart(
      `${base}/requirements`,
      `requirements of a task take at most ${MAX_REQUIREMENTS_CHARS} characters`,
    ),
  ];
}

function tooLargePart(pointer: string, message: string): ProblemDetail {
  return { pointer, code: "too_large", message };
}

function requirementChars(requirements: TaskDraft["requirements"]): number {
  for (const _ in requirements) return JSON.stringify(requirements).length;
  return 2;
}

export interface Owner {
  run_id: string;
  project: string;
}

/** Ids for all, in the order given; dependencies become ids. @throws Refusal */
export function nameTasks(
  context: HttpContext,
  drafts: readonly TaskDraft[],
  { owner, pointerOf }: { owner: Owner; pointerOf: (index: number) => string },
): TaskSpec[] {
  const first = newId(context);
  const ids = drafts.map((_, i) => (i === 0 ? first : ulidAfter(first, i)));
  const byName = drafts.some(({ dependencies }) => dependencies.length > 0) ? indexNames(drafts, ids) : null;
  return drafts.map((draft, i) => {
    const { run_id, project } = owner;
    const task_id = ids[i] ?? first;
    if (byName === null || draft.dependencies.length === 0) return { task_id, run_id, project, ...draft };
    const dependencies = draft.dependencies.map((name, j) => {
      const pointer = `${pointerOf(i)}/dependencies/${j}`;
      return resolveName(name, byName, pointer);
    });
    return { task_id, run_id, project, ...draft, dependencies: [...new Set(dependencies)] };
  });
}

export function newId({ clock, random }: HttpContext): string {
  const chance = random.bytes(10);
  // Room above for the ids that follow it.
  chance[0] = (chance[0] ?? 0) & 0x7f;
  return ulid(clock.now(), chance);
}

/** null: two tasks have this name. */
type Names = ReadonlyMap<string, string | null>;

function indexNames(drafts: readonly TaskDraft[], ids: readonly string[]): Names {
  const names = new Map<string, string | null>();
  drafts.forEach(({ name }, i) => names.set(name, names.has(name) ? null : (ids[i] ?? null)));
  return names;
}

function resolveName(name: string, names: Names, pointer: string): string {
  const id = names.get(name);
  if (id !== undefined && id !== null) return id;
  if (id === null) {
    const message = `two tasks of this submission are named "${name}": depend on an id, or name them apart`;
    throw invalid([{ pointer, code: "dependency_ambiguous", message }]);
  }
  if (isUlid(name)) return name;
  const guess = nearest(name, [...names.keys()].slice(0, 1_000));
  const hint = guess === null ? "" : `; did you mean "${guess}"?`;
  const message = `"${name}" is neither the name of a task in this submission nor a task's id${hint}`;
  throw refusal("dependency_unknown", message, {
    errors: [{ pointer, code: "dependency_unknown", message }],
  });
}

/** How dependencies ended that memory has forgotten. Those that nobody knows stay out, and are refused. */
export async function resolveForgotten(
  { coordinator, results }: HttpContext,
  specs: readonly TaskSpec[],
): Promise<Record<string, EndState>> {
  const { tasks } = coordinator.loop.state;
  const wanted = new Set<string>();
  const own = specs[0]?.task_id ?? "";
  const last = specs.at(-1)?.task_id ?? "";
  for (const { dependencies } of specs) {
    for (const id of dependencies) if ((id < own || id > last) && !tasks.has(id)) wanted.add(id);
  }
  return wanted.size === 0 ? {} : results.query("endedStates", { task_ids: [...wanted] });
}

/** Payloads that would fill the log go into the blob store first. */
export async function storeLargePayloads({ blobs }: HttpContext, specs: readonly TaskSpec[]): Promise<void> {
  const large = specs.filter(isLargePayload);
  if (large.length === 0) return;
  await Promise.all(
    large.map(async (spec) => {
      spec.payload = { blob: await blobs.put(Buffer.from(spec.payload as string)) };
    }),
  );
}

/** Whether it takes more room than one task has in the log. */
export function isLargePayload({ payload, name, dependencies, requirements }: TaskSpec): boolean {
  if (typeof payload !== "string") return false;
  const beside = 320 + name.length + 29 * dependencies.length;
  if (payload.length + beside <= INLINE_CHARS / 4) return false;
  // As it will stand there: a JSON text within a JSON text.
  const size = Buffer.byteLength(JSON.stringify(payload)) + beside + requirementChars(requirements);
  return size > INLINE_CHARS;
}

/** Where in the body a rejected dependency stands. */
export function pointTo(
  command: Submit,
  details: Record<string, unknown> | undefined,
  pointerOf: (index: number) => string,
): string {
  const index = command.tasks.findIndex(({ task_id }) => task_id === details?.["task_id"]);
  if (index < 0) return "";
  const at = command.tasks[index]?.dependencies.indexOf(String(details?.["dependency"])) ?? -1;
  return `${pointerOf(index)}/dependencies${at < 0 ? "" : `/${escapeToken(String(at))}`}`;
}
