/**
 * The program's own log, on stderr: one line an event, for people or (json) for a collector. Standard output
 * is left to what a command was asked for. A closed stderr loses lines and nothing else.
 */
import type { LogFields, Logger } from "../ports/index.ts";

export type LogLevel = "info" | "warn" | "error" | "silent";

const ORDER: readonly LogLevel[] = ["info", "warn", "error", "silent"];

export interface LoggerOptions {
  level: LogLevel;
  json: boolean;
  /** Standard error unless a test listens. */
  write?: (line: string) => void;
}

export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? writeStderr;
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ORDER.indexOf(level) < ORDER.indexOf(options.level)) return;
      const time = new Date().toISOString();
      write(
        options.json
          ? jsonLine({ time, level, message, fields })
          : plainLine({ time, level, message, fields }),
      );
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

interface LogLine {
  time: string;
  level: LogLevel;
  message: string;
  fields: LogFields;
}

function jsonLine({ time, level, message, fields }: LogLine): string {
  return `${JSON.stringify({ time, level, message, ...fields })}\n`;
}

function plainLine({ time, level, message, fields }: LogLine): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${plainValue(value)}`);
  return `${time} ${level.padEnd(5)} ${oneLine(message)}${pairs.join("")}\n`;
}

function plainValue(value: LogFields[string]): string {
  if (typeof value !== "string") return String(value);
  return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** A message may quote what a test printed: it must not be able to forge a line or colour the terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => JSON.stringify(char).slice(1, -1));
}

let stderrGuarded = false;

function writeStderr(line: string): void {
  if (!stderrGuarded) process.stderr.on("error", () => {});
  stderrGuarded = true;
  process.stderr.write(line);
}
