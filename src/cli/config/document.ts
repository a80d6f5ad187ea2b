/**
 * One configuration file, read and checked: each value with the line it stands on, each mistake with its line
 * and a guess at what was meant. JSON is read as YAML, which it is a part of.
 */
import { readFileSync } from "node:fs";
import { isMap, isNode, LineCounter, type Node, parseDocument, type Document } from "yaml";
import { nearest } from "../../protocol/index.ts";
import type { ConfigFile } from "./files.ts";
import { invalid, type Mistake } from "./mistakes.ts";
import { fileSchema } from "./schema.ts";
import type { Setting } from "./settings.ts";
import { wanted } from "./shape.ts";

export interface Placed {
  value: unknown;
  line: number;
}

export interface ConfigDocument extends ConfigFile {
  /** undefined when nothing stands there. */
  at(path: readonly string[]): Placed | undefined;
}

type Issue = Parameters<typeof flat>[0];

/** @throws CliError with every mistake of the file */
export function readDocument(file: ConfigFile, settings: readonly Setting[]): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(readText(file.path), { lineCounter: lines, prettyErrors: false });
  const lineOf = (node: unknown): number =>
    isNode(node) && node.range ? lines.linePos(node.range[0]).line : 1;
  const wrong = document.errors.map(({ pos, message }) => ({ line: lines.linePos(pos[0]).line, message }));
  if (wrong.length > 0) throw invalid(file.path, wrong);
  const mistakes = mistakesIn(document, { settings, lineOf });
  if (mistakes.length > 0) throw invalid(file.path, mistakes);
  return {
    ...file,
    at: (path) => {
      const node = nodeAt(document, path);
      return node === undefined ? undefined : { value: node.toJS(document), line: lineOf(node) };
    },
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(path, [{ line: 1, message: `it cannot be read: ${(error as Error).message}` }]);
  }
}

function nodeAt(document: Document, path: readonly string[]): Node | undefined {
  if (!isMap(document.contents)) return undefined;
  const node = document.getIn(path, true);
  return isNode(node) ? node : undefined;
}

interface Checking {
  settings: readonly Setting[];
  lineOf: (node: unknown) => number;
}

function mistakesIn(document: Document, { settings, lineOf }: Checking): Mistake[] {
  const content = contentOf(document);
  if (content === null || content === undefined) return [];
  const result = fileSchema(settings).safeParse(content);
  if (result.success) return [];
  return result.error.issues.flatMap(flat).flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        line: lineOf(keyNode(document, path, key)),
        message: unknownKey([...path, key], settings),
      }));
    }
    const setting = settingAt(path, settings);
    const wants = setting === undefined ? "a section: names with values" : wanted(setting.shape);
    const where = path.length === 0 ? "the file" : path.join(".");
    const node = path.length === 0 ? document.contents : document.getIn(path, true);
    return [{ line: lineOf(node), message: `${where} wants ${wants}, not ${shown(valueAt(content, path))}` }];
  });
}

/** An alias that leads nowhere, or into thousands of copies, is found out only here. */
function contentOf(document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    return `an alias that cannot be followed (${(error as Error).message})`;
  }
}

/** Of alternatives, the one that was meant: where the value fits best, and so fails deepest. */
function flat(issue: { code?: string; path: PropertyKey[]; errors?: unknown; keys?: string[] }): {
  code?: string;
  path: PropertyKey[];
  keys: string[];
}[] {
  if (issue.code !== "invalid_union") return [{ keys: [], ...issue }];
  const branches = (issue.errors as Issue[][]).map((branch) =>
    branch.flatMap((each) => flat({ ...each, path: [...issue.path, ...each.path] })),
  );
  const deep = branches.find((branch) =>
    branch.every(({ code, path }) => path.length > issue.path.length || code === "unrecognized_keys"),
  );
  return deep ?? [{ path: issue.path, keys: [] }];
}

function keyNode(document: Document, path: readonly string[], key: string): unknown {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return map;
  return map.items.find((pair) => isNode(pair.key) && String(pair.key) === key)?.key ?? map;
}

function settingAt(path: readonly string[], settings: readonly Setting[]): Setting | undefined {
  const startsWith = (whole: readonly string[]): boolean =>
    whole.length <= path.length && whole.every((word, i) => word === path[i]);
  return (
    settings.find((each) => startsWith(each.path)) ?? settings.find((each) => each.shared.some(startsWith))
  );
}

function unknownKey(path: readonly string[], settings: readonly Setting[]): string {
  const depth = path.length - 1;
  const places = settings.flatMap((each) => [each.path, ...each.shared]);
  const beside = places.filter((place) => path.slice(0, depth).every((word, i) => word === place[i]));
  const known = new Set(beside.flatMap((place) => place[depth] ?? []));
  const guess = nearest(path[depth] ?? "", [...known]);
  return `unknown key "${path.join(".")}"${guess === null ? "" : `; did you mean "${guess}"?`}`;
}

function valueAt(content: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : value,
    content,
  );
}

const LONGEST_SHOWN = 60;

function shown(value: unknown): string {
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, LONGEST_SHOWN))}`;
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "a section" : String(value);
}
