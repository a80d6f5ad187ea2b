/**
 * JSON on its way into a JSON column. The appender stores any text there, and one that DuckDB's parser
 * refuses makes every later query of the column fail. That parser is stricter than JavaScript's in one point:
 * an escape that is half a surrogate pair (`"\ud800"`) is an error. Such halves become
 * U+FFFD, as they do everywhere else on the way to UTF-8.
 */
import { parseJson } from "../protocol/index.ts";

export function toJson(value: unknown): string {
  return withoutHalves(JSON.stringify(value) ?? "null");
}

/** The value of a JSON text from outside, or why there is none. */
export function readJson(text: string): { value: unknown } | { error: string } {
  const parsed = parseJson(text);
  return parsed.ok
    ? { value: parsed.value }
    : { error: `${parsed.error.pointer} ${parsed.error.message}`.trim() };
}

/** JSON.stringify writes whole pairs as characters, so an escaped surrogate in its output is a half. */
function withoutHalves(json: string): string {
  if (!json.includes("\\ud")) return json;
  return json.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (escape, half) =>
    half === undefined ? escape : "\ufffd",
  );
}
