/**
 * What a route says of itself, where it is registered: `app.get(path, described({...}), handler)`.
 *
 * The description hangs on the route, so there is no second table that could be forgotten: the document is
 * made from the routes that exist, and a test fails on one without a description.
 */
import type { FastifyInstance, RouteShorthandOptions } from "fastify";
import type { JsonSchema, ProblemCode, Shape } from "../../../protocol/index.ts";

export type Group =
  | "yard"
  | "tasks"
  | "runs"
  | "workers"
  | "webhooks"
  | "schedules"
  | "results"
  | "blobs"
  | "probes";

/** In the address or a header; all are optional unless `required`. */
export interface Parameter {
  description: string;
  schema: JsonSchema;
  required?: true;
}

/** JSON of a named shape, bytes of a media type, or one JSON object a line. */
export type Content = Shape | { type: string; description: string } | { lines: Shape; description: string };

export interface RouteDescription {
  /** Stable: clients that are made from the document name their functions after it. */
  id: string;
  group: Group;
  summary: string;
  /** Of the names after a colon in the path. */
  params?: Readonly<Record<string, string>>;
  /** The very names that the handler gives `readQuery`. */
  query?: Readonly<Record<string, Parameter>>;
  headers?: Readonly<Record<string, Parameter>>;
  takes?: Content;
  isBodyOptional?: true;
  answers: Content;
  /** 200 unless given. */
  status?: 200 | 201;
  /** Beside those that every route of its kind may answer. */
  problems?: readonly ProblemCode[];
}

declare module "fastify" {
  interface FastifyContextConfig {
    api?: RouteDescription;
    /** It only says that the address does not take this method. */
    isRefusal?: true;
  }
  interface FastifyInstance {
    describedRoutes: readonly DescribedRoute[];
  }
}

export function described(api: RouteDescription, more: RouteShorthandOptions = {}): RouteShorthandOptions {
  return { ...more, config: { ...more.config, api } };
}

export interface DescribedRoute {
  method: string;
  path: string;
  api: RouteDescription | null;
}

/** Every route that is registered from now on is in `app.describedRoutes`. */
export function collectRoutes(app: FastifyInstance): void {
  const routes: DescribedRoute[] = [];
  app.decorate("describedRoutes", routes);
  app.addHook("onRoute", ({ method, path, config }) => {
    if (config?.isRefusal === true) return;
    for (const each of [method].flat()) {
      // Each GET brings its HEAD along.
      if (each !== "HEAD") routes.push({ method: each, path, api: config?.api ?? null });
    }
  });
}

const integer = (minimum: number, maximum: number): JsonSchema => ({ type: "integer", minimum, maximum });

export const CONSISTENT: Parameter = {
  description: "Accepted for clients that ask for it: every read is of the committed state already.",
  schema: { type: "boolean" },
};
export const CURSOR: Parameter = {
  description: "`next_cursor` of the page before.",
  schema: { type: "string", maxLength: 500 },
};
export const PROJECT: Parameter = {
  description: "A project; `default` unless given.",
  schema: { type: "string", maxLength: 64 },
};
export const LIMIT = limit(500);

export function limit(most: number): Parameter {
  return { description: "Items on a page; 50 unless given.", schema: integer(1, most) };
}

export function offset(description: string): Parameter {
  return { description, schema: integer(0, Number.MAX_SAFE_INTEGER) };
}

export const BYTES = "application/octet-stream";
