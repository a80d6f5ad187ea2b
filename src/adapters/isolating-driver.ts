/**
 * Starts a framework that runs nothing at all when one of its files does not load (mocha, Playwright).
 *
 * First all files together, as the user would. Only when that run did nothing, the files that are known not
 * to load are left out, or else each file runs by itself, so that the broken one is named and the others
 * have their results. A run that loads costs nothing more.
 */
import { withReport } from "./reporter-source.ts";

export const DRIVER_FILE = "testyard-driver.cjs";

export interface DriverOptions {
  reportPath: string;
  /** The command without its files. */
  argv: readonly string[];
  /** Words for each file that runs, and for each that is left out; its path is only for the report. */
  files: readonly { path: string; argument: string; without: readonly string[] }[];
}

export function isolatingDriver({ reportPath, argv, files }: DriverOptions): string {
  const given = `const ARGV = ${JSON.stringify(argv)};\nconst FILES = ${JSON.stringify(files)};\n`;
  return withReport(reportPath, given + SOURCE);
}

const SOURCE = `
const { spawn } = require("node:child_process");
const { closeSync, openSync, readSync, statSync } = require("node:fs");

function size() {
  try {
    return statSync(REPORT).size;
  } catch {
    return 0;
  }
}

function linesFrom(offset) {
  const bytes = Buffer.alloc(Math.max(0, size() - offset));
  if (bytes.length === 0) return [];
  const file = openSync(REPORT, "r");
  readSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
  return bytes.toString("utf8").split("\\n").filter(Boolean).flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

function start(files) {
  return new Promise((resolve) => {
    const offset = size();
    let said = "";
    const others = FILES.filter((file) => !files.includes(file)).flatMap((file) => file.without);
    const words = [...ARGV.slice(1), ...others, ...files.map((file) => file.argument)];
    const child = spawn(ARGV[0], words, { stdio: ["ignore", "inherit", "pipe"] });
    child.stderr.on("data", (chunk) => {
      process.stderr.write(chunk);
      said = (said + chunk).slice(-LIMIT);
    });
    child.on("error", (error) => resolve({ code: 127, signal: null, said: String(error), lines: [] }));
    child.on("close", (code, signal) => resolve({ code, signal, said, lines: linesFrom(offset) }));
  });
}

let worst = { code: 0, signal: null };

function remember(ended) {
  if (ended.signal !== null || (worst.signal === null && ended.code > worst.code)) worst = ended;
}

async function run(files) {
  const ended = await start(files);
  const loaded = ended.lines.some((line) => line.kind === "start");
  const bad = new Set(ended.lines.filter((line) => line.kind === "problem").map((line) => line.file));
  if (loaded || (bad.has("") && bad.size === 1) || ended.signal !== null) {
    if (ended.signal === null) write({ kind: "loaded", files: files.map((file) => file.path) });
    return remember(ended);
  }
  remember({ code: ended.code || 1, signal: null });
  const good = files.filter((file) => !bad.has(file.path));
  if (good.length === 0) return;
  if (good.length < files.length) return run(good);
  if (files.length > 1) for (const file of files) await run([file]);
  else unloaded(files[0], ended);
}

function unloaded(file, ended) {
  const isError = (line) => /^\\s*(?:\\w*(?:Error|Exception)\\b.*:|Error: )/.test(line);
  const error = ended.said.split("\\n").find(isError);
  const message = error ? error.trim() : "the run did not start; it exited with " + ended.code;
  write({ kind: "problem", file: file ? file.path : "", message: cut(message), detail: cut(ended.said) });
}

run(FILES).then(() => {
  if (worst.signal !== null) process.kill(process.pid, worst.signal);
  else process.exitCode = worst.code;
});
`;
