/**
 * What holds: flag before variable, variable before the project's file, that before the user's, and the
 * default last. Values come as the texts that would have stood on the command line, so that the flag's own
 * parser has the last word wherever they come from.
 */
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { ConfigDocument, Placed } from "./document.ts";
import { configFiles, hostPlaces, type Places } from "./files.ts";
import { invalid } from "./mistakes.ts";
import { UnsetReference, hasReference, withReferences } from "./references.ts";
import type { Setting } from "./settings.ts";
import type { Shape } from "./shape.ts";

export type Origin =
  | { kind: "env"; name: string }
  | { kind: "file"; path: string; line: number; file: "project" | "user" };

export interface Found {
  /** One, or several for a flag that may be repeated. */
  texts: readonly string[];
  origin: Origin;
}

export interface Sources {
  env: NodeJS.ProcessEnv;
  documents: readonly ConfigDocument[];
}

export function originText(origin: Origin): string {
  return origin.kind === "env" ? origin.name : `${origin.path}:${origin.line}`;
}

/** @param settings all there are, for a file says something to every command */
export async function hostSources(
  settings: readonly Setting[],
  places: Places = hostPlaces(),
): Promise<Sources> {
  const files = configFiles(places);
  if (files.length === 0) return { env: process.env, documents: [] };
  // Most commands meet no file, and need not wait for what reads one.
  const { readDocument } = await import("./document.ts");
  return { env: process.env, documents: files.map((file) => readDocument(file, settings)) };
}

/** null: the default holds. */
export function find(setting: Setting, sources: Sources): Found | null {
  const fromEnv = variable(setting, sources.env);
  if (fromEnv !== undefined) {
    return { texts: variableTexts(fromEnv, setting.shape), origin: { kind: "env", name: setting.env } };
  }
  for (const document of sources.documents) {
    for (const path of [setting.path, ...setting.shared]) {
      const placed = document.at(path);
      if (placed === undefined || isSection(placed, setting.shape)) continue;
      return fromFile(placed, { setting, document, env: sources.env });
    }
  }
  return null;
}

/** `coordinator` may be a section, which is no address. */
function isSection({ value }: Placed, shape: Shape): boolean {
  return shape.kind !== "pairs" && typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What an attempt is told of itself is no wish of its test: `testyard` may be run by one. */
const TOLD_TO_ATTEMPTS = ["TASK_ID", "RUN_ID", "WORKER_ID", "ATTEMPT", "SLOT"].map((it) => `TESTYARD_${it}`);

function variable({ env: name }: Setting, env: NodeJS.ProcessEnv): string | undefined {
  const value = env[name];
  if (value === undefined || value === "") return undefined;
  return env["TESTYARD_TASK_ID"] !== undefined && TOLD_TO_ATTEMPTS.includes(name) ? undefined : value;
}

function variableTexts(text: string, { kind }: Shape): string[] {
  return kind === "list" || kind === "pairs" ? text.split(",").map((part) => part.trim()) : [text];
}

interface Reading {
  setting: Setting;
  document: ConfigDocument;
  env: NodeJS.ProcessEnv;
}

function fromFile(placed: Placed, { setting, document, env }: Reading): Found {
  const { line, value } = placed;
  const origin: Origin = { kind: "file", path: document.path, line, file: document.kind };
  if (setting.isSecret && document.kind === "project" && !hasReference(String(value)))
    throw bareSecret(origin);
  try {
    const texts = fileTexts(value, setting.shape).map((text) => withReferences(text, env));
    const base = dirname(document.path);
    const isPath = kindOfOne(setting.shape) === "path";
    return { origin, texts: isPath ? texts.map((text) => pathFrom(base, text)) : texts };
  } catch (error) {
    if (!(error instanceof UnsetReference)) throw error;
    const message = `${setting.key}: ${error.message}`;
    const { trouble } = invalid(document.path, [{ line, message }]);
    const next = `set ${error.variable}, or write $\${ for a plain \${`;
    throw new CliError({ ...trouble, code: "configuration_unset", next });
  }
}

function kindOfOne(shape: Shape): Shape["kind"] {
  return shape.kind === "list" ? shape.of.kind : shape.kind;
}

/** A file means its own folder, wherever it is read from; `-` is the standard input. */
function pathFrom(base: string, text: string): string {
  if (text === "-") return text;
  return text.startsWith("~/") ? resolve(homedir(), text.slice(2)) : resolve(base, text);
}

function fileTexts(value: unknown, shape: Shape): string[] {
  if (shape.kind === "words" && Array.isArray(value)) return [value.map(quoted).join(" ")];
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([name, text]) => `${name}=${String(text)}`);
  }
  return [String(value)];
}

function quoted(word: unknown): string {
  return `"${String(word).replace(/(["\\$`])/g, "\\$1")}"`;
}

function bareSecret(origin: Origin): CliError {
  return new CliError({
    code: "configuration_secret",
    exit: EXIT.usage,
    message: `${originText(origin)}: client_key stands there for everybody who reads the project`,
    next: "write client_key: ${TESTYARD_CLIENT_KEY}, or keep it in your own file (testyard config path)",
  });
}
