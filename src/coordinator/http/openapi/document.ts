/** The description of the API at /openapi.json: OpenAPI 3.1, made from the routes and the schemas. */
import {
  namedSchemas,
  nameOf,
  problemBody,
  statusOf,
  type JsonSchema,
  type ProblemCode,
  type Shape,
} from "../../../protocol/index.ts";
import type { Content, DescribedRoute, Parameter, RouteDescription } from "./describe.ts";

const BASE = "#/components/schemas/";
const PROBLEM_TYPE = "application/problem+json";
const ALWAYS: readonly ProblemCode[] = ["invalid_request", "forbidden_host", "headers_too_large", "internal"];
const WRITING: readonly ProblemCode[] = ["unauthorized", "shutting_down", "disk_full"];
const WITH_BODY: readonly ProblemCode[] = ["body_timeout", "body_too_large", "unsupported_media_type"];

const ABOUT = `What can be asked of a Testyard coordinator. Bodies are JSON with snake_case keys; times are
milliseconds since 1970 unless a name says else. A refusal is a problem document with a stable \`code\`.
\`/api/v1/\` is the same as \`/api/\`. A client accepts fields and values of an answer that it does not know;
unknown fields and parameters of a request are refused.`;

export interface ApiDocument {
  openapi: string;
  info: {
    title: string;
    version: string;
    description: string;
    license: { name: string; identifier: string };
  };
  servers: { url: string }[];
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema>; securitySchemes: JsonSchema };
}

export interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters?: { name: string; in: string; required: boolean; description: string; schema: JsonSchema }[];
  requestBody?: { required: boolean; content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, Response>;
  security?: Record<string, never[]>[];
}

interface Response {
  description: string;
  headers?: JsonSchema;
  content: Record<string, { schema: JsonSchema }>;
}

export function apiDocument(routes: readonly DescribedRoute[], version: string): ApiDocument {
  const paths: ApiDocument["paths"] = {};
  const tags = new Set<string>();
  for (const { method, path, api } of routes) {
    if (api === null) continue;
    tags.add(api.group);
    const at = named(path).replace(/:(\w+)/g, "{$1}");
    paths[at] = { ...paths[at], [method.toLowerCase()]: operation(method, path, api) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Testyard",
      version,
      description: ABOUT.replaceAll("\n", " "),
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [...tags].map((name) => ({ name })),
    paths,
    components: {
      schemas: namedSchemas(BASE),
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "The text of `client-key` in the data folder." },
      },
    },
  };
}

/** What a `*` at the end takes has no name of its own. */
function named(path: string): string {
  return path.replace(/\*$/, ":path");
}

function operation(method: string, path: string, api: RouteDescription): Operation {
  const parameters = [
    ...Array.from(named(path).matchAll(/:(\w+)/g), ([, name = ""]) => pathParameter(name, api)),
    ...parametersIn("query", api.query),
    ...parametersIn("header", api.headers),
  ];
  return {
    operationId: api.id,
    summary: api.summary,
    tags: [api.group],
    ...(parameters.length > 0 && { parameters }),
    ...(api.takes !== undefined && { requestBody: bodyOf(api.takes, api) }),
    responses: { [api.status ?? 200]: answer(api), ...problems(problemsOf(method, api)) },
    ...(method !== "GET" && { security: [{ key: [] }] }),
  };
}

function bodyOf(takes: Content, { isBodyOptional = false }: { isBodyOptional?: boolean }) {
  return { required: !isBodyOptional, content: contentOf(takes) };
}

function pathParameter(name: string, api: RouteDescription) {
  const description = api.params?.[name];
  if (description === undefined) throw new TypeError(`${api.id} does not say what ":${name}" is`);
  return { name, in: "path", required: true, description, schema: { type: "string" } };
}

function parametersIn(place: string, parameters: Readonly<Record<string, Parameter>> = {}) {
  return Object.entries(parameters).map(([name, { description, schema, required = false }]) => ({
    name,
    in: place,
    required,
    description,
    schema,
  }));
}

function isShape(content: Content): content is Shape {
  return "_zod" in content;
}

function contentOf(content: Content): Record<string, { schema: JsonSchema }> {
  if (isShape(content)) return { "application/json": { schema: reference(content) } };
  if ("lines" in content) return { "application/x-ndjson": { schema: reference(content.lines) } };
  return { [content.type]: { schema: { description: content.description } } };
}

function reference(shape: Shape): JsonSchema {
  return { $ref: `${BASE}${nameOf(shape)}` };
}

const FRESHNESS = {
  "X-Testyard-Position": {
    description: "The answer reflects the log at least up to this record.",
    schema: { type: "integer" },
  },
  "X-Testyard-Epoch": { description: "Epoch of the leader that answered.", schema: { type: "integer" } },
};

function answer(api: RouteDescription): Response {
  const { answers } = api;
  return {
    description: isShape(answers) ? api.summary : answers.description,
    ...(api.query?.["consistent"] !== undefined && { headers: FRESHNESS }),
    content: contentOf(answers),
  };
}

function problemsOf(method: string, api: RouteDescription): Set<ProblemCode> {
  const json = api.takes !== undefined && isShape(api.takes);
  return new Set([
    ...ALWAYS,
    ...(method === "GET" ? [] : WRITING),
    ...(api.takes === undefined ? [] : WITH_BODY),
    ...(json ? (["invalid_json"] as const) : []),
    ...(api.problems ?? []),
  ]);
}

function problems(codes: ReadonlySet<ProblemCode>): Record<string, Response> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  const responses = Array.from(byStatus, ([status, list]) => [String(status), refused(list)] as const);
  return Object.fromEntries(responses);
}

function refused(codes: readonly ProblemCode[]): Response {
  const schema = { allOf: [reference(problemBody), { properties: { code: { enum: codes } } }] };
  return { description: codes.join(", "), content: { [PROBLEM_TYPE]: { schema } } };
}
