/**
 * Shapes that the description of the API calls by name. A shape stands once in the description, and whatever
 * holds it refers to it; so everything a route takes or answers is named here, beside its definition.
 */
import * as z from "zod/mini";

export type Shape = z.ZodMiniType;
export type ShapeOf<T> = z.ZodMiniType<T>;
export type JsonSchema = { [key: string]: unknown };

const names = z.registry<{ id: string }>();
const descriptions = new Map<string, string>();

export function named<T extends Shape>(id: string, schema: T, description: string): T {
  names.add(schema, { id });
  descriptions.set(id, description);
  return schema;
}

/** @throws TypeError for a shape without a name */
export function nameOf(schema: Shape): string {
  const id = names.get(schema)?.id;
  if (id === undefined) throw new TypeError("a shape of the API needs a name: see protocol/named.ts");
  return id;
}

/**
 * All of them as JSON Schema 2020-12. What is refused (unknown fields of a request) is said to be closed;
 * answers stay open, for they may grow.
 */
export function namedSchemas(base: string): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(names, {
    target: "draft-2020-12",
    io: "input",
    uri: (id) => `${base}${id}`,
  });
  const entries = Object.entries(schemas as Record<string, JsonSchema>).map(([id, made]) => {
    const { $schema: _dialect, $id: _id, ...schema } = made;
    return [id, { description: descriptions.get(id), ...schema }] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
