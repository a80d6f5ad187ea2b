/**
 * The only door to the terminal. Data goes to stdout, everything else to stderr; colour only where a person
 * looks. A reader that has seen enough (`| head`) ends the program quietly.
 */
import type { Paint } from "../reports/index.ts";
import { plainPaint } from "../reports/index.ts";
import type { Trouble } from "./errors.ts";

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

const colours: Paint = (style, text) => `\u001b[${CODES[style]}m${text}\u001b[0m`;

type Stream = NodeJS.WriteStream;

/** NO_COLOR and TERM=dumb win over everything, FORCE_COLOR over not being a terminal. */
export function paintFor(stream: Pick<Stream, "isTTY">, env: NodeJS.ProcessEnv = process.env): Paint {
  if ((env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") return plainPaint;
  const forced = (env["FORCE_COLOR"] ?? "") !== "" && env["FORCE_COLOR"] !== "0";
  return stream.isTTY || forced ? colours : plainPaint;
}

/** Redrawing lines needs a real terminal and nobody who records what we say. */
export function isLive(stream: Pick<Stream, "isTTY">, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY && env["TERM"] !== "dumb" && (env["CI"] ?? "") === "" && (env["NO_COLOR"] ?? "") === "";
}

export function print(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function say(text: string): void {
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Resolves once the bytes are on their way, so that a log of 64 MiB does not pile up in memory. */
export function printBytes(bytes: Uint8Array): Promise<void> {
  if (process.stdout.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => process.stdout.once("drain", resolve));
}

export function complain(trouble: Trouble, options: { json: boolean }): void {
  const { code, message, next, details } = trouble;
  if (options.json) printJson({ error: { code, message, next, ...(details !== undefined && { details }) } });
  const paint = paintFor(process.stderr);
  say(`${paint("red", "error")} [${code}] ${message}`);
  if (next !== null) say(`  ${paint("dim", "next:")} ${next}`);
}

export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
}
