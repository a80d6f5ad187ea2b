/**
 * Reads the JSON lines that our reporters append while a suite runs.
 *
 * One line per event, written at once: when the process dies, everything before the death is kept and
 * at most the last line is torn. Such a line is skipped, not an error; the events tell by themselves
 * whether the run reached its end.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";

export type JsonRecord = Record<string, unknown>;

const FILE_LIMIT_BYTES = 512 * 1024 * 1024;
const LINE_LIMIT_CHARS = 1024 * 1024;

/** null: there is no such file. */
export async function readJsonLines(path: string): Promise<JsonRecord[] | null> {
  try {
    const { size } = await stat(path);
    const input = createReadStream(path, {
      encoding: "utf8",
      end: Math.max(0, Math.min(size, FILE_LIMIT_BYTES) - 1),
    });
    const records: JsonRecord[] = [];
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const record = line.length <= LINE_LIMIT_CHARS ? parseRecord(line) : null;
      if (record) records.push(record);
    }
    return records;
  } catch {
    return null;
  }
}

function parseRecord(line: string): JsonRecord | null {
  try {
    return record(JSON.parse(line));
  } catch {
    return null;
  }
}

export function record(value: unknown): JsonRecord | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonRecord) : null;
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function numeric(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
