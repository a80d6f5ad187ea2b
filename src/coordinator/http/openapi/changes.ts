/**
 * What of a newer description would break a client of the older one.
 *
 * What a request may hold may only grow, what an answer holds as well: a client that sends and reads what it
 * knew must get along. So the two are compared in the same way, but for what must be there: a request must
 * not ask for more, an answer not leave something out.
 */
import type { JsonSchema } from "../../../protocol/index.ts";
import type { ApiDocument, Operation } from "./document.ts";

export type ChangeKind =
  | "removed_path"
  | "removed_method"
  | "removed_parameter"
  | "new_required_parameter"
  | "removed_answer"
  | "removed_field"
  | "new_required_field"
  | "optional_answer_field"
  | "narrowed_enum"
  | "narrowed_limit"
  | "changed_type";

export interface Change {
  kind: ChangeKind;
  /** Operation, side, and JSON pointer into the body: `GET /api/tasks/{id} answer 200 /state`. */
  at: string;
  detail: string;
}

/** One that was meant: the file breaking-changes.json has the list. */
export interface DeclaredChange {
  change: string;
  /** The version that brought it. */
  version: string;
  reason: string;
}

export function breakingChanges(older: ApiDocument, newer: ApiDocument): Change[] {
  const found: Change[] = [];
  for (const [path, methods] of Object.entries(older.paths)) {
    const now = newer.paths[path];
    if (now === undefined) found.push({ kind: "removed_path", at: path, detail: "the address is gone" });
    else found.push(...methodChanges(path, [methods, now], { older, newer }));
  }
  return found;
}

export function changeName({ kind, at }: Change): string {
  return `${kind} ${at}`;
}

/** Those that nobody has declared. */
export function undeclared(changes: readonly Change[], declared: readonly DeclaredChange[]): Change[] {
  const names = new Set(declared.map(({ change }) => change));
  return changes.filter((change) => !names.has(changeName(change)));
}

interface Documents {
  older: ApiDocument;
  newer: ApiDocument;
}

type Pair<T> = readonly [T, T];

function methodChanges(
  path: string,
  [before, after]: Pair<Record<string, Operation>>,
  documents: Documents,
): Change[] {
  return Object.entries(before).flatMap(([method, operation]): Change[] => {
    const at = `${method.toUpperCase()} ${path}`;
    const now = after[method];
    if (now === undefined) return [{ kind: "removed_method", at, detail: "the method is gone" }];
    return operationChanges(at, [operation, now], documents);
  });
}

function operationChanges(
  at: string,
  [before, after]: Pair<Operation>,
  { older, newer }: Documents,
): Change[] {
  const request = new Comparison("request", [older, newer]);
  compareParameters(request, at, [before, after]);
  const [was, is] = [before.requestBody?.content ?? {}, after.requestBody?.content ?? {}];
  compareContents(request, `${at} request`, [was, is]);
  if (before.requestBody?.required !== true && after.requestBody?.required === true)
    request.add("new_required_field", `${at} request`, "a body is needed now");
  const answer = new Comparison("answer", [older, newer]);
  for (const [status, { content }] of Object.entries(before.responses)) {
    if (!status.startsWith("2")) continue;
    const now = after.responses[status];
    if (now === undefined)
      answer.add("removed_answer", `${at} answer ${status}`, "it is not answered any more");
    else compareContents(answer, `${at} answer ${status}`, [content, now.content]);
  }
  return [...request.found, ...answer.found];
}

function compareParameters(comparison: Comparison, at: string, [before, after]: Pair<Operation>): void {
  const [was, is] = [before.parameters ?? [], after.parameters ?? []];
  for (const parameter of was) {
    const place = `${at} ${parameter.in} ${parameter.name}`;
    const now = is.find(({ name, in: where }) => name === parameter.name && where === parameter.in);
    if (now === undefined) comparison.add("removed_parameter", place, "it is refused as unknown now");
    else comparison.schemas(place, parameter.schema, now.schema);
  }
  for (const { name, in: where, required } of is) {
    const before = was.find((each) => each.name === name && each.in === where);
    if (required && before?.required !== true)
      comparison.add("new_required_parameter", `${at} ${where} ${name}`, "it must be given now");
  }
}

type Contents = Record<string, { schema: JsonSchema }>;

function compareContents(comparison: Comparison, at: string, [before, after]: Pair<Contents>): void {
  for (const [type, { schema }] of Object.entries(before)) {
    const now = after[type];
    if (now === undefined) comparison.add("changed_type", at, `${type} is gone`);
    else comparison.schemas(at, schema, now.schema);
  }
}

const LOWER_LIMITS = ["minimum", "minLength", "minItems"];
const UPPER_LIMITS = ["maximum", "maxLength", "maxItems"];

class Comparison {
  readonly found: Change[] = [];
  readonly #side: "request" | "answer";
  readonly #documents: Pair<ApiDocument>;
  /** Pairs of named shapes under comparison: a shape may hold itself. */
  readonly #open = new Set<string>();

  constructor(side: "request" | "answer", documents: Pair<ApiDocument>) {
    this.#side = side;
    this.#documents = documents;
  }

  add(kind: ChangeKind, at: string, detail: string): void {
    this.found.push({ kind, at, detail });
  }

  schemas(at: string, was: JsonSchema, is: JsonSchema): void {
    const names = `${String(was["$ref"])} ${String(is["$ref"])}`;
    const areNamed = was["$ref"] !== undefined && is["$ref"] !== undefined;
    if (areNamed && this.#open.has(names)) return;
    if (areNamed) this.#open.add(names);
    this.#resolved(at, resolve(was, this.#documents[0]), resolve(is, this.#documents[1]));
    if (areNamed) this.#open.delete(names);
  }

  #resolved(at: string, was: JsonSchema, is: JsonSchema): void {
    const [variants, now] = [variantsOf(was), variantsOf(is)];
    if (this.#side === "answer" && variants !== null && now !== null)
      return this.#variants(at, variants, now);
    const [before, after] = [branchesOf(was), branchesOf(is)];
    if (before.length > 1 || after.length > 1) return this.#branches(at, before, after);
    if (!this.#isTypeKept(was, is)) {
      return this.add("changed_type", at, `${typesOf(was).join("|")} is ${typesOf(is).join("|")} now`);
    }
    this.#values(at, was, is);
    if (this.#side === "request") this.#limits(at, was, is);
    this.#fields(at, was, is);
    for (const key of ["items", "additionalProperties", "propertyNames"]) {
      if (isSchema(was[key]) && isSchema(is[key])) this.schemas(`${at}/*`, was[key], is[key]);
    }
  }

  /** A tagged variant is like a value: readers pass over one that they do not know. */
  #variants(at: string, before: Map<string, JsonSchema>, after: Map<string, JsonSchema>): void {
    for (const [tag, was] of before) {
      const is = after.get(tag);
      if (is === undefined) this.add("narrowed_enum", at, `without ${tag}`);
      else this.schemas(at, was, is);
    }
  }

  /** Each branch of the one side must fit one of the other: of what was accepted, of what is answered. */
  #branches(at: string, before: JsonSchema[], after: JsonSchema[]): void {
    const tried =
      before.length === after.length ? before.map((was, i) => [was, after[i] ?? {}] as const) : null;
    if (tried !== null) return tried.forEach(([was, is]) => this.schemas(at, was, is));
    const [from, to] = this.#side === "request" ? [before, after] : [after, before];
    const misfits = from.filter((one) => !to.some((other) => this.#fits(one, other)));
    for (const misfit of misfits) {
      const what = this.#side === "request" ? "is refused now" : "is answered now";
      this.add("changed_type", at, `${JSON.stringify(misfit).slice(0, 80)} ${what}`);
    }
  }

  #fits(one: JsonSchema, other: JsonSchema): boolean {
    const trial = new Comparison(this.#side, this.#documents);
    if (this.#side === "request") trial.schemas("", one, other);
    else trial.schemas("", other, one);
    return trial.found.length === 0;
  }

  #isTypeKept(was: JsonSchema, is: JsonSchema): boolean {
    const [from, to] = this.#side === "request" ? [typesOf(was), typesOf(is)] : [typesOf(is), typesOf(was)];
    if (to.length === 0) return true;
    return (
      from.length > 0 &&
      from.every((type) => to.includes(type) || (type === "integer" && to.includes("number")))
    );
  }

  #values(at: string, was: JsonSchema, is: JsonSchema): void {
    const [before, after] = [valuesOf(was), valuesOf(is)];
    if (after === null) return;
    const lost = before === null ? [] : before.filter((value) => !after.includes(value));
    if (lost.length > 0) this.add("narrowed_enum", at, `without ${lost.join(", ")}`);
    if (before === null && this.#side === "request")
      this.add("narrowed_enum", at, `only ${after.join(", ")} now`);
  }

  #limits(at: string, was: JsonSchema, is: JsonSchema): void {
    for (const key of [...LOWER_LIMITS, ...UPPER_LIMITS]) {
      const [before, after] = [was[key], is[key]];
      if (typeof after !== "number") continue;
      const isTighter =
        typeof before !== "number" || (LOWER_LIMITS.includes(key) ? after > before : after < before);
      if (isTighter) this.add("narrowed_limit", at, `${key} is ${after} now`);
    }
    if (is["pattern"] !== undefined && is["pattern"] !== was["pattern"])
      this.add("narrowed_limit", at, "another pattern");
  }

  #fields(at: string, was: JsonSchema, is: JsonSchema): void {
    const [before, after] = [fieldsOf(was), fieldsOf(is)];
    for (const [name, schema] of Object.entries(before)) {
      const now = after[name];
      if (now === undefined) this.add("removed_field", `${at}/${name}`, "the field is gone");
      else this.schemas(`${at}/${name}`, schema, now);
    }
    const [needed, given] = [requiredOf(was), requiredOf(is)];
    for (const name of this.#side === "request" ? given.filter((each) => !needed.includes(each)) : [])
      this.add("new_required_field", `${at}/${name}`, "it must be given now");
    for (const name of this.#side === "answer" ? needed.filter((each) => !given.includes(each)) : []) {
      if (after[name] !== undefined)
        this.add("optional_answer_field", `${at}/${name}`, "it may be missing now");
    }
  }
}

function resolve(schema: JsonSchema, document: ApiDocument): JsonSchema {
  const name = refOf(schema).split("/").at(-1) ?? "";
  return name === "" ? schema : (document.components.schemas[name] ?? {});
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function branchesOf(schema: JsonSchema): JsonSchema[] {
  const branches = schema["anyOf"] ?? schema["oneOf"];
  return Array.isArray(branches) ? (branches as JsonSchema[]) : [schema];
}

/** By the constants that tell them apart, where every branch has one. */
function variantsOf({ oneOf }: JsonSchema): Map<string, JsonSchema> | null {
  if (!Array.isArray(oneOf)) return null;
  const tagged = (oneOf as JsonSchema[]).map((branch) => [tagOf(branch), branch] as const);
  return tagged.some(([tag]) => tag === "") ? null : new Map(tagged);
}

function tagOf(branch: JsonSchema): string {
  const constants = Object.entries(fieldsOf(branch)).filter(([, field]) => "const" in field);
  return constants.map(([name, field]) => `${name} ${JSON.stringify(field["const"])}`).join(", ");
}

function typesOf(schema: JsonSchema): string[] {
  const type = schema["type"];
  if (type !== undefined) return [type].flat().map(String);
  return [...new Set((valuesOf(schema) ?? []).map((value) => typeof value))];
}

function valuesOf(schema: JsonSchema): unknown[] | null {
  if (Array.isArray(schema["enum"])) return schema["enum"];
  return "const" in schema ? [schema["const"]] : null;
}

function fieldsOf(schema: JsonSchema): Record<string, JsonSchema> {
  return (schema["properties"] ?? {}) as Record<string, JsonSchema>;
}

function requiredOf(schema: JsonSchema): string[] {
  return (schema["required"] ?? []) as string[];
}

function refOf(schema: JsonSchema): string {
  return typeof schema["$ref"] === "string" ? schema["$ref"] : "";
}
