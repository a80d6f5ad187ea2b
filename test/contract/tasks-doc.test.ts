// docs/TASKS.md against the schema: its examples are tasks, and its tables name every field there is.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isKnownAttribute } from "../../src/core/index.ts";
import { draftTask, parseJson, taskInput, type TaskInput, validate } from "../../src/protocol/index.ts";

const DOCUMENT = readFileSync(new URL("../../docs/TASKS.md", import.meta.url), "utf8");
const examples = [...DOCUMENT.matchAll(/^```json\n(.*?)^```/gms)].map(([, text = ""]) => text);

function valueOf(text: string): unknown {
  const parsed = parseJson(text);
  if (!parsed.ok) throw new Error(`${parsed.error.message} in:\n${text}`);
  return parsed.value;
}

describe("examples in docs/TASKS.md", () => {
  test("are there", () => {
    expect(examples.length).toBeGreaterThanOrEqual(6);
  });

  test.each(examples)("are tasks as they stand: %s", (text) => {
    expect(validate(taskInput, valueOf(text))).toMatchObject({ ok: true });
  });
});

const sections = new Map(
  DOCUMENT.split(/^#{2,3} /m).map((part) => [part.split("\n", 1)[0] ?? "", part] as const),
);

/** The names in the first column of a section's tables. */
function namesIn(title: string): string[] {
  const rows = [...(sections.get(title) ?? "").matchAll(/^\| (`[^|]*) \|/gm)];
  return rows.flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

/** What a schema knows, by what it says of a field that nobody has. */
function fieldsOf(schema: { def: { shape: object } }): string[] {
  return Object.keys(schema.def.shape);
}

const inner = (name: keyof TaskInput) =>
  (taskInput.def.shape[name] as unknown as { def: { innerType: { def: { shape: object } } } }).def.innerType;

describe("tables in docs/TASKS.md", () => {
  test("name every field of a task, and no other", () => {
    const documented = new Set(namesIn("Fields").map((name) => name.split(".")[0]));
    expect(documented).toEqual(new Set(fieldsOf(taskInput)));
    const retry = namesIn("Fields").flatMap((name) => /^retry_policy\.(.*)/.exec(name)?.[1] ?? []);
    expect(retry.sort()).toEqual(fieldsOf(inner("retry_policy")).sort());
  });

  test("name every requirement and every resource, and no other", () => {
    expect(namesIn("requirements").sort()).toEqual(fieldsOf(inner("requirements")).sort());
    expect(namesIn("resources").sort()).toEqual(fieldsOf(inner("resources")).sort());
  });

  test("name attributes that exist", () => {
    const [, line = ""] = /^Attributes: (.*?)\n\n/ms.exec(sections.get("requirements") ?? "") ?? [];
    const attributes = [...line.split("What a worker")[0]!.matchAll(/`([^`]+)`/g)].map(
      ([, name = ""]) => name,
    );
    expect(attributes.length).toBeGreaterThan(10);
    expect(attributes.filter((name) => !isKnownAttribute(name))).toEqual([]);
  });
});

test("the defaults are those that docs/TASKS.md gives", () => {
  const draft = (task: TaskInput) => draftTask(task);
  expect(draft({ type: "test" })).toMatchObject({
    timeout_ms: 3_600_000,
    max_retries: 0,
    retry_delay_ms: 0,
    dependencies: [],
    estimate_ms: null,
    requirements: {},
    resources: { cpu_milli: 0, memory_mb: 0, gpu: 0 },
  });
  const [, line = ""] = /Lower is more urgent\.\*\* (.*?)\. *\|/.exec(DOCUMENT) ?? [];
  const priorities = line.split(", ").map((part) => part.split(" "));
  expect(priorities).toHaveLength(5);
  for (const [type, priority] of priorities)
    expect(draft({ type: type as TaskInput["type"] }).priority).toBe(Number(priority));
});
