/**
 * What the value of a flag looks like, so that the flag can be read from a variable and from a file as well.
 * Most of it stands in the flag's own declaration: `<dir>` is a path, choices are choices. What a parser
 * alone knows, such as a range, it says with `shaped`.
 */
import type { Option } from "commander";

export type Shape =
  | { kind: "text" | "path" | "seconds" | "size" | "addresses" | "words" | "flag" }
  /** NAME=VALUE, any number of them. */
  | { kind: "pairs" }
  | { kind: "whole"; least: number; most: number }
  | { kind: "choice"; choices: readonly string[] }
  | { kind: "list"; of: Shape };

const shapes = new WeakMap<object, Shape>();

/** Says what a parser of a flag takes. */
export function shaped<F extends (...args: never[]) => unknown>(shape: Shape, parse: F): F {
  shapes.set(parse, shape);
  return parse;
}

export function shapeOf(option: Option): Shape {
  const one = shapeOfOne(option);
  return option.variadic ? { kind: "list", of: one } : one;
}

function shapeOfOne(option: Option): Shape {
  if (option.isBoolean() || option.negate) return { kind: "flag" };
  if (option.argChoices !== undefined) return { kind: "choice", choices: option.argChoices };
  const known = option.parseArg === undefined ? undefined : shapes.get(option.parseArg);
  if (known !== undefined) return known;
  const [, placeholder = ""] = /[<[]([a-z]+)/.exec(option.flags) ?? [];
  if (["dir", "file", "path", "folder"].includes(placeholder)) return { kind: "path" };
  return { kind: placeholder === "url" ? "addresses" : "text" };
}

/** As a sentence goes on after "wants". */
export function wanted(shape: Shape): string {
  switch (shape.kind) {
    case "text":
      return "text (in quotes, if it looks like something else)";
    case "path":
      return "a path";
    case "seconds":
      return "seconds, a number more than 0";
    case "size":
      return "a size such as 500M or 20G";
    case "addresses":
      return "an address such as http://127.0.0.1:8080";
    case "words":
      return "words, as a text or a list";
    case "flag":
      return "true or false";
    case "pairs":
      return "names with a text each, or a list of NAME=VALUE";
    case "whole":
      return shape.most === Number.MAX_SAFE_INTEGER
        ? `a whole number, ${shape.least} or more`
        : `a whole number, ${shape.least} to ${shape.most}`;
    case "choice":
      return `one of ${shape.choices.join(", ")}`;
    case "list":
      return `a list; each of it: ${wanted(shape.of)}`;
  }
}
