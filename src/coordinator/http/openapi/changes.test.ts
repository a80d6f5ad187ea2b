import { describe, expect, test } from "vitest";
import { breakingChanges, changeName, undeclared } from "./changes.ts";
import type { ApiDocument } from "./document.ts";

const variant = (kind: string) => ({
  type: "object",
  properties: { kind: { type: "string", const: kind }, at: { type: "number" } },
  required: ["kind", "at"],
});

const PATH = "/api/things/{id}";

/** A small API; a test changes a copy of it. */
function api(): ApiDocument {
  const thing = {
    type: "object",
    properties: {
      id: { type: "string" },
      state: { enum: ["on", "off"], type: "string" },
      size: { type: "integer" },
      news: { oneOf: [variant("came"), variant("went")] },
      note: { anyOf: [{ type: "string" }, { type: "null" }] },
      parts: { type: "array", items: { $ref: "#/components/schemas/Thing" } },
    },
    required: ["id", "state", "size"],
  };
  const input = {
    type: "object",
    properties: {
      name: { type: "string", maxLength: 10 },
      kind: { enum: ["a", "b"], type: "string" },
      amount: { type: "number" },
    },
    required: ["name"],
    additionalProperties: false,
  };
  const json = (schema: string) => ({
    "application/json": { schema: { $ref: `#/components/schemas/${schema}` } },
  });
  const answers = { "200": { description: "", content: json("Thing") } };
  const id = { name: "id", in: "path", required: true, description: "", schema: { type: "string" } };
  const limit = { name: "limit", in: "query", required: false, description: "", schema: { type: "integer" } };
  return {
    openapi: "3.1.0",
    info: { title: "", version: "1", description: "", license: { name: "", identifier: "" } },
    servers: [],
    tags: [],
    paths: {
      [PATH]: {
        get: { operationId: "get", summary: "", tags: [], parameters: [id, limit], responses: answers },
        post: {
          operationId: "post",
          summary: "",
          tags: [],
          parameters: [id],
          requestBody: { required: true, content: json("Input") },
          responses: answers,
        },
      },
    },
    components: { schemas: { Thing: thing, Input: input }, securitySchemes: {} },
  };
}

type Fields = Record<string, Record<string, unknown>>;
const operation = (document: ApiDocument, method: "get" | "post") => document.paths[PATH]?.[method];
const fields = (document: ApiDocument, name: "Thing" | "Input") =>
  document.components.schemas[name]?.["properties"] as Fields;
const required = (document: ApiDocument, name: "Thing" | "Input") =>
  document.components.schemas[name]?.["required"] as string[];

function changed(change: (document: ApiDocument) => void): string[] {
  const newer = api();
  change(newer);
  return breakingChanges(api(), newer).map(changeName);
}

describe("a change that breaks clients is told:", () => {
  const get = `GET ${PATH}`;
  const post = `POST ${PATH}`;
  const cases: [string, (document: ApiDocument) => void, string][] = [
    ["a path that is gone", (it) => delete it.paths[PATH], `removed_path ${PATH}`],
    ["a method that is gone", (it) => delete it.paths[PATH]?.["get"], `removed_method ${get}`],
    [
      "a parameter that is gone",
      (it) => operation(it, "get")?.parameters?.pop(),
      `removed_parameter ${get} query limit`,
    ],
    [
      "a parameter that must be given",
      (it) => Object.assign(operation(it, "get")?.parameters?.[1] ?? {}, { required: true }),
      `new_required_parameter ${get} query limit`,
    ],
    [
      "another status",
      (it) => {
        const answers = operation(it, "get")?.responses ?? {};
        Object.assign(answers, { "201": answers["200"] });
        delete answers["200"];
      },
      `removed_answer ${get} answer 200`,
    ],
    [
      "a field that an answer lost",
      (it) => delete fields(it, "Thing")["note"],
      `removed_field ${get} answer 200/note`,
    ],
    [
      "a field that a request lost",
      (it) => delete fields(it, "Input")["kind"],
      `removed_field ${post} request/kind`,
    ],
    [
      "a field that a request needs",
      (it) => required(it, "Input").push("kind"),
      `new_required_field ${post} request/kind`,
    ],
    [
      "a new field that a request needs",
      (it) => {
        fields(it, "Input")["extra"] = { type: "string" };
        required(it, "Input").push("extra");
      },
      `new_required_field ${post} request/extra`,
    ],
    [
      "a field that an answer may lack",
      (it) => required(it, "Thing").pop(),
      `optional_answer_field ${get} answer 200/size`,
    ],
    [
      "a value that a request may not have",
      (it) => (fields(it, "Input")["kind"] = { enum: ["a"], type: "string" }),
      `narrowed_enum ${post} request/kind`,
    ],
    [
      "a value that an answer never has",
      (it) => (fields(it, "Thing")["state"] = { enum: ["on"], type: "string" }),
      `narrowed_enum ${get} answer 200/state`,
    ],
    [
      "a variant that an answer never has",
      (it) => (fields(it, "Thing")["news"] = { oneOf: [variant("came")] }),
      `narrowed_enum ${get} answer 200/news`,
    ],
    [
      "another type",
      (it) => (fields(it, "Thing")["size"] = { type: "string" }),
      `changed_type ${get} answer 200/size`,
    ],
    [
      "a wider type in an answer",
      (it) => (fields(it, "Thing")["id"] = { anyOf: [{ type: "string" }, { type: "null" }] }),
      `changed_type ${get} answer 200/id`,
    ],
    [
      "a narrower type in a request",
      (it) => (fields(it, "Input")["amount"] = { type: "integer" }),
      `changed_type ${post} request/amount`,
    ],
    [
      "a lower limit",
      (it) => (fields(it, "Input")["name"] = { type: "string", maxLength: 5 }),
      `narrowed_limit ${post} request/name`,
    ],
  ];

  test.each(cases)("%s", (_name, change, expected) => {
    expect(changed(change)).toContain(expected);
  });
});

describe("a change that clients get along with is none:", () => {
  const cases: [string, (document: ApiDocument) => void][] = [
    ["nothing", () => {}],
    ["a new path", (it) => (it.paths["/api/more"] = {})],
    [
      "a new variant in an answer",
      (it) => (fields(it, "Thing")["news"] = { oneOf: ["new", "went", "came"].map(variant) }),
    ],
    ["a new field in an answer", (it) => (fields(it, "Thing")["more"] = { type: "string" })],
    ["a new optional field in a request", (it) => (fields(it, "Input")["more"] = { type: "string" })],
    ["a field that need not be given any more", (it) => void required(it, "Input").pop()],
    [
      "a new value in a request",
      (it) => (fields(it, "Input")["kind"] = { enum: ["a", "b", "c"], type: "string" }),
    ],
    [
      "a wider type in a request",
      (it) => (fields(it, "Input")["name"] = { anyOf: [{ type: "string" }, { type: "null" }] }),
    ],
    ["a higher limit", (it) => (fields(it, "Input")["name"] = { type: "string", maxLength: 20 })],
  ];

  test.each(cases)("%s", (_name, change) => {
    expect(changed(change)).toEqual([]);
  });
});

test("a declared change is passed over, another of the same kind is not", () => {
  const newer = api();
  delete fields(newer, "Thing")["note"];
  delete fields(newer, "Thing")["parts"];
  const changes = breakingChanges(api(), newer);
  const declared = ["GET", "POST"].map((method) => ({
    change: `removed_field ${method} ${PATH} answer 200/note`,
    version: "2.0.0",
    reason: "nobody wrote any",
  }));
  expect(undeclared(changes, declared).map(changeName)).toEqual([
    `removed_field GET ${PATH} answer 200/parts`,
    `removed_field POST ${PATH} answer 200/parts`,
  ]);
});
