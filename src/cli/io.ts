/**
 * The only door to the terminal. Data goes to stdout, everything else to stderr; escape codes only where a
 * person looks; with --quiet only data and errors. A reader that has seen enough (`| head`) is no error: what
 * only prints ends there, what has a verdict goes on to it.
 */
import type { Paint } from "../reports/index.ts";
import { plainPaint } from "../reports/index.ts";
import type { Trouble } from "./errors.ts";

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

const colours: Paint = (style, text) => `\u001b[${CODES[style]}m${text}\u001b[0m`;

type Stream = NodeJS.WriteStream;

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}

/** NO_COLOR and TERM=dumb win over everything, FORCE_COLOR over CI and over not being a terminal. */
export function paintFor(stream: Pick<Stream, "isTTY">, env: NodeJS.ProcessEnv = process.env): Paint {
  if (isSet(env["NO_COLOR"]) || env["TERM"] === "dumb") return plainPaint;
  if (isSet(env["FORCE_COLOR"])) return env["FORCE_COLOR"] === "0" ? plainPaint : colours;
  return stream.isTTY && !isSet(env["CI"]) ? colours : plainPaint;
}

/** Redrawing lines needs a real terminal and nobody who records what we say. */
export function isLive(stream: Pick<Stream, "isTTY">, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY && env["TERM"] !== "dumb" && !isSet(env["CI"]) && !isSet(env["NO_COLOR"]) && !isQuiet;
}

let isQuiet = false;

/** From here on only data and errors. */
export function beQuiet(): void {
  isQuiet = true;
}

export function print(text: string): void {
  out(text.endsWith("\n") ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  out(`${JSON.stringify(value, null, 2)}\n`);
}

export function say(text: string): void {
  if (!isQuiet) sayAlways(text);
}

function sayAlways(text: string): void {
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Nobody reads our output any more. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

let isClosed = false;

function out(text: string): void {
  if (!isClosed) process.stdout.write(text);
}

/**
 * Resolves once the bytes are on their way, so that a log of 64 MiB does not pile up in memory.
 * @throws OutputClosed
 */
export async function printBytes(bytes: Uint8Array): Promise<void> {
  if (isClosed) throw new OutputClosed();
  await new Promise<void>((resolve) => process.stdout.write(bytes, () => resolve()));
  if (isClosed) throw new OutputClosed();
}

/** Lines at the foot of the terminal that are drawn again and again. */
export class LiveArea {
  #drawn = 0;

  clear(): void {
    if (this.#drawn > 0) process.stderr.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  draw(lines: readonly string[]): void {
    const width = Math.max(20, (process.stderr.columns || 80) - 1);
    const [first = "", ...rest] = lines.map((line) => line.slice(0, width));
    this.clear();
    process.stderr.write(`${[paintFor(process.stderr)("bold", first), ...rest].join("\n")}\n`);
    this.#drawn = lines.length;
  }
}

export function complain(trouble: Trouble, options: { json: boolean }): void {
  const { code, exit, message, why, next, request_id, details } = trouble;
  if (options.json) {
    const parts = { why, next, docs: `testyard help ${code}`, request_id, details };
    const given = Object.entries(parts).filter(([, value]) => value !== undefined && value !== null);
    printJson({ error: { code, message, ...Object.fromEntries(given) }, exit_code: exit });
  }
  const paint = paintFor(process.stderr);
  const line = (name: string, text: string): string => `  ${paint("dim", `${name}:`)} ${text}`;
  sayAlways(`${paint("red", "error")} [${code}] ${message}`);
  if (why !== undefined) sayAlways(line("why", why));
  if (next !== null) sayAlways(line("next", next));
  if (request_id !== undefined) sayAlways(line("request", request_id));
}

export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === process.stdout) isClosed = true;
    });
  }
}
