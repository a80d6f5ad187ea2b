/**
 * Runs `cargo test` target after target and keeps each line that it prints, with the time. cargo by itself
 * stops at the first target that fails, and its text does not say reliably to which target a line belongs.
 * A target that did not come to its end is asked for its list of tests, so that none is forgotten.
 */
import { withReport } from "./reporter-source.ts";

export const CARGO_DRIVER_FILE = "testyard-cargo-driver.cjs";
export const CARGO_REPORT_FILE = "cargo-test.jsonl";

export interface CargoUnit {
  /** Source file of the target, absolute. */
  file: string;
  /** Set where several targets have the same source file. */
  target: string;
  /** What chooses the target: `-p NAME --lib`. */
  words: string[];
  /** For the test program, after `--`. */
  filter: string[];
}

export interface CargoDriverOptions {
  reportPath: string;
  units: readonly CargoUnit[];
  args: readonly string[];
}

export function cargoDriver({ reportPath, units, args }: CargoDriverOptions): string {
  const at = args.indexOf("--");
  const given = `const UNITS = ${JSON.stringify(units)};
const ARGS = ${JSON.stringify(at < 0 ? args : args.slice(0, at))};
const TEST_ARGS = ${JSON.stringify(at < 0 ? [] : args.slice(at + 1))};
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

function cargo(words, { onLine, onError }) {
  return new Promise((resolve) => {
    const child = spawn("cargo", ["test", ...ARGS, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    lines(child.stdout, onLine);
    lines(child.stderr, onError);
    child.on("error", (error) => {
      onError("cargo did not start: " + error.message);
      resolve({ code: 127, signal: null });
    });
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
}

async function run(unit) {
  const began = performance.now();
  let [said, ended] = ["", false];
  write({ kind: "unit", file: unit.file, target: unit.target });
  const result = await cargo([...unit.words, "--", ...TEST_ARGS, ...unit.filter], {
    onLine: (line) => {
      process.stdout.write(line + "\\n");
      ended ||= line.startsWith("test result: ");
      write({ kind: "line", text: cut(line), at_ms: Math.round((performance.now() - began) * 10) / 10 });
    },
    onError: (line) => {
      process.stderr.write(line + "\\n");
      said = (said + line + "\\n").slice(-LIMIT);
    },
  });
  if (!ended && result.signal === null && result.code !== 0) await list(unit);
  write({ kind: "unit_done", code: result.code, signal: result.signal, stderr: said });
  return result;
}

async function list(unit) {
  const tests = [];
  await cargo([...unit.words, "--", "--list"], {
    onLine: (line) => line.endsWith(": test") && tests.push(line.slice(0, -": test".length)),
    onError: () => {},
  });
  write({ kind: "list", tests });
}

async function main() {
  let worst = { code: 0, signal: null };
  for (const unit of UNITS) {
    const ended = await run(unit);
    if (ended.signal !== null || (worst.signal === null && ended.code > worst.code)) worst = ended;
  }
  write({ kind: "finish" });
  if (worst.signal !== null) process.kill(process.pid, worst.signal);
  else process.exitCode = worst.code;
}

main();
`;
