/**
 * The reporter that `node --test` loads for us: every event that matters as one JSON line, at once.
 *
 * Node's own reporters are for people (spec) or lose what we need (TAP has no files, JUnit no suites).
 * It runs in the runner's process only; the test files, which are processes of their own, do not see it.
 */

export const NODE_REPORTER_FILE = "testyard-node-reporter.mjs";
export const NODE_REPORT_FILE = "node-test.jsonl";

export const NODE_REPORTER = `import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import { inspect } from "node:util";

const REPORT = new URL("./${NODE_REPORT_FILE}", import.meta.url);
const LIMIT = 16 * 1024;
const printed = new Map();

function write(record) {
  appendFileSync(REPORT, JSON.stringify(record) + "\\n");
}

function cut(text) {
  if (text.length <= LIMIT) return text;
  return text.slice(0, LIMIT) + "\\n... cut: " + text.length + " characters in all";
}

function isFile(data) {
  return data.nesting === 0 && data.file !== undefined && resolve(data.name) === data.file;
}

function describe(error) {
  const cause = error?.cause ?? error;
  const plain = typeof cause === "string";
  return {
    failure: error?.failureType ?? "",
    message: cut(plain ? cause : String(cause?.message ?? error?.message ?? cause)),
    detail: cut(plain ? cause : String(cause?.stack ?? inspect(cause))),
    exit_code: typeof error?.exitCode === "number" ? error.exitCode : null,
    exit_signal: typeof error?.signal === "string" ? error.signal : null,
  };
}

function ended(data, outcome) {
  write({
    kind: "case",
    name: data.name,
    file: data.file ?? "",
    whole_file: isFile(data),
    nesting: data.nesting,
    outcome,
    duration_ms: data.details?.duration_ms ?? 0,
    suite: data.details?.type === "suite",
    skip: data.skip === undefined || data.skip === false ? null : String(data.skip),
    todo: data.todo === undefined || data.todo === false ? null : String(data.todo),
    ...(outcome === "failed" ? describe(data.details?.error) : {}),
  });
}

function output(data, stream) {
  const before = printed.get(stream + data.file) ?? 0;
  if (before >= LIMIT) return;
  const message = String(data.message).slice(0, LIMIT - before);
  printed.set(stream + data.file, before + message.length);
  write({ kind: "output", stream, file: data.file, text: message });
}

export default async function* testyard(source) {
  write({ kind: "start", node: process.version });
  for await (const { type, data } of source) {
    if (type === "test:enqueue" && isFile(data)) write({ kind: "file", file: data.file });
    else if (type === "test:dequeue" && !isFile(data)) {
      write({ kind: "begin", file: data.file, name: data.name });
    } else if (type === "test:complete") {
      const kind = isFile(data) ? "file_done" : "done";
      write({ kind, file: data.file, name: data.name, nesting: data.nesting, number: data.testNumber });
    } else if (type === "test:pass") ended(data, "passed");
    else if (type === "test:fail") ended(data, "failed");
    else if (type === "test:stdout") output(data, "stdout");
    else if (type === "test:stderr") output(data, "stderr");
  }
  write({ kind: "finish" });
}
`;
