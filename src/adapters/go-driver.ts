/**
 * Runs `go test -json`, once for each group of packages and pattern, and keeps what it says: events as lines
 * of the report, their text for the log. After a package failed, its list of tests is asked for, because a
 * panic or an exit leaves no trace of the tests that had not begun.
 */
import { withReport } from "./reporter-source.ts";

export const GO_DRIVER_FILE = "testyard-go-driver.cjs";
export const GO_REPORT_FILE = "go-test.jsonl";

export interface GoGroup {
  /** Of the module, absolute. */
  folder: string;
  /** Import paths with the folder of each, absolute. */
  packages: { path: string; folder: string }[];
  /** For `-run`; null: everything. */
  pattern: string | null;
}

export interface GoDriverOptions {
  reportPath: string;
  groups: readonly GoGroup[];
  args: readonly string[];
}

export function goDriver({ reportPath, groups, args }: GoDriverOptions): string {
  const lists = !args.some((word) => /^--?(?:test\.)?(?:run|skip|failfast|list)\b/.test(word));
  const given = `const GROUPS = ${JSON.stringify(groups)};
const ARGS = ${JSON.stringify(args)};
const LISTS = ${lists};
`;
  return withReport(reportPath, given + SOURCE);
}

const SOURCE = `
const { spawn } = require("node:child_process");

function lines(stream, each) {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk) => {
    const parts = (rest + chunk).split("\\n");
    rest = parts.pop();
    for (const part of parts) each(part);
  });
  stream.on("end", () => rest !== "" && each(rest));
}

function eventOf(line) {
  try {
    const event = JSON.parse(line);
    return typeof event?.Action === "string" ? event : null;
  } catch {
    return null;
  }
}

function start(group, failed) {
  return new Promise((resolve) => {
    const count = ARGS.some((word) => /^--?count\\b/.test(word)) ? [] : ["-count=1"];
    const run = group.pattern === null ? [] : ["-run", group.pattern];
    const words = ["test", "-json", ...count, ...run, ...ARGS, ...group.packages.map((each) => each.path)];
    const child = spawn("go", words, { cwd: group.folder, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    lines(child.stdout, (line) => {
      const event = eventOf(line);
      process.stdout.write(event === null ? line + "\\n" : (event.Output ?? ""));
      write(event === null ? { kind: "text", text: cut(line) } : { kind: "event", event });
      if (event?.Action === "fail" && event.Test === undefined && event.Package) failed.push(event.Package);
    });
    lines(child.stderr, (line) => {
      process.stderr.write(line + "\\n");
      if (said.length < LIMIT) write({ kind: "text", text: cut(line) });
      said += line;
    });
    child.on("error", (error) => {
      write({ kind: "text", text: "go did not start: " + error.message });
      resolve({ code: 127, signal: null });
    });
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
}

function list(group, path) {
  return new Promise((resolve) => {
    const words = ["test", "-list", ".", ...ARGS, path];
    const child = spawn("go", words, { cwd: group.folder, stdio: ["ignore", "pipe", "ignore"] });
    const tests = [];
    lines(child.stdout, (line) => /^(?:Test|Example|Fuzz)\\S*$/.test(line) && tests.push(line));
    child.on("error", () => resolve());
    child.on("close", () => {
      write({ kind: "list", package: path, tests });
      resolve();
    });
  });
}

async function main() {
  let worst = { code: 0, signal: null };
  for (const group of GROUPS) {
    write({ kind: "group", packages: group.packages });
    const failed = [];
    const ended = await start(group, failed);
    write({ kind: "group_done", packages: group.packages.map((each) => each.path) });
    if (ended.signal !== null || (worst.signal === null && ended.code > worst.code)) worst = ended;
    if (LISTS && group.pattern === null) for (const path of failed) await list(group, path);
  }
  write({ kind: "finish" });
  if (worst.signal !== null) process.kill(process.pid, worst.signal);
  else process.exitCode = worst.code;
}

main();
`;
