/**
 * What a configuration file may hold, made from the settings: the one schema that checks files here is also
 * what editors get as JSON Schema.
 */
import * as z from "zod/mini";
import { ADDRESS_IN_SECTION, type Setting } from "./settings.ts";
import { wanted, type Shape } from "./shape.ts";

type Schema = z.ZodMiniType;
interface Tree {
  [key: string]: Setting | Tree;
}

const isSetting = (node: Setting | Tree): node is Setting => "path" in node && "shape" in node;

/** `${NAME}` may stand for any value; what it comes to is checked where it is used. */
const reference = z.string().check(z.regex(/\$\{[A-Za-z_][A-Za-z0-9_]*\}/));
const text = (): Schema => z.string();
const orReference = (schema: Schema): Schema => z.union([schema, reference]);

function schemaOf(shape: Shape): Schema {
  switch (shape.kind) {
    case "text":
    case "path":
    case "addresses":
      return text();
    case "seconds":
      return orReference(z.number().check(z.gt(0)));
    case "size":
      return z.union([z.number().check(z.minimum(0)), text()]);
    case "flag":
      return orReference(z.boolean());
    case "words":
      return z.union([text(), z.array(text())]);
    case "pairs":
      return z.union([z.record(z.string(), z.union([text(), z.number(), z.boolean()])), z.array(text())]);
    case "whole":
      return orReference(z.int().check(z.minimum(shape.least), z.maximum(shape.most)));
    case "choice":
      return orReference(z.enum(shape.choices));
    case "list":
      return z.union([z.array(schemaOf(shape.of)), schemaOf(shape.of)]);
  }
}

function described(schema: Schema, description: string): Schema {
  return schema.register(z.globalRegistry, { description }) as Schema;
}

function leaf({ shape, description, env }: Setting): Schema {
  return described(schemaOf(shape), `${description}. Wants ${wanted(shape)}. Variable: ${env}.`);
}

function section(tree: Tree): Schema {
  const shape = Object.entries(tree).map(([name, node]) => [
    name,
    z.optional(isSetting(node) ? leaf(node) : section(node)),
  ]);
  return z.strictObject(Object.fromEntries(shape) as Record<string, Schema>);
}

function put(tree: Tree, path: readonly string[], setting: Setting): void {
  const [first = "", ...rest] = path;
  if (rest.length === 0) {
    tree[first] ??= setting;
    return;
  }
  const below = (tree[first] ??= {});
  if (!isSetting(below)) put(below, rest, setting);
}

export function fileSchema(settings: readonly Setting[]): Schema {
  const tree: Tree = {};
  for (const setting of settings) put(tree, setting.path, setting);
  for (const setting of settings) for (const path of setting.shared) put(tree, path, setting);
  const { coordinator, ...others } = tree;
  const object = section(others) as z.ZodMiniObject;
  const own = coordinator === undefined || isSetting(coordinator) ? null : coordinator;
  const address = own?.[ADDRESS_IN_SECTION];
  return z.extend(object, {
    $schema: z.optional(text()),
    ...(own !== null &&
      address !== undefined &&
      isSetting(address) && { coordinator: z.optional(z.union([leaf(address), section(own)])) }),
  });
}

/** For editors. */
export function jsonSchema(settings: readonly Setting[]): Record<string, unknown> {
  const made = z.toJSONSchema(fileSchema(settings), { io: "input" }) as Record<string, unknown>;
  return { ...made, title: "testyard.config", description: "Settings of testyard; flags and variables win." };
}
