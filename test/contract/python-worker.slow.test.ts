// docs/PROTOCOL.md on trial: a worker that was written from it, in another language, against the built
// coordinator. Both are processes of their own; the test sees them only from outside.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const WORKER = fileURLToPath(new URL("python_worker.py", import.meta.url));
const hasPython = spawnSync("python3", ["--version"]).status === 0;

let dir: string;
let url: string;
let key: string;
let children: ChildProcess[];
/** What all of them have said, for whoever looks into a failure. */
let output: string;

beforeEach(async (context) => {
  children = [];
  output = "";
  if (!hasPython) context.skip("needs python3: apt-get install python3");
  if (!existsSync(PROGRAM)) throw new Error("there is no build to test: npm run build");
  dir = mkdtempSync(join(tmpdir(), "testyard-contract-"));
  const dataDir = join(dir, "yard");
  const coordinator = start(process.execPath, [PROGRAM, "coordinator", "--port", "0", "--data-dir", dataDir]);
  url = await said(coordinator, /coordinator at (http:\/\/\S+),/);
  key = readFileSync(join(dataDir, "client-key"), "utf8").trim();
});

afterEach(async () => {
  for (const child of children.toReversed()) await stopped(child);
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
});

function start(program: string, args: string[]): ChildProcess {
  const env = { ...process.env, XDG_STATE_HOME: join(dir, "state"), PYTHONDONTWRITEBYTECODE: "1" };
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  const keep = (chunk: Buffer): void => void (output += chunk.toString("utf8"));
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return child;
}

function startPython(...more: string[]): ChildProcess {
  const places = ["--key-file", join(dir, "yard", "client-key"), "--spool", join(dir, "spool")];
  return start("python3", [WORKER, "--coordinator", url, "--worker-id", "py-1", ...places, ...more]);
}

/** The first thing a process says that matches; what it says instead is the error. */
function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const look = (chunk: Buffer): void => {
      text += chunk.toString("utf8");
      const found = pattern.exec(text);
      if (found !== null) resolve(found[1] ?? found[0]);
    };
    child.stdout?.on("data", look);
    child.stderr?.on("data", look);
    child.once("close", (code) => reject(new Error(`ended with ${code} and said:\n${text}`)));
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once("close", (code) => resolve(code)));
}

async function stopped(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  await ended(child);
}

async function api(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const response = await fetch(`${url}${path}`, { ...init, headers });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

interface Submitted {
  run_id: string;
  task_ids: string[];
}

async function submit(tasks: object[]): Promise<Submitted> {
  const body = JSON.stringify({ tasks: tasks.map((task) => ({ type: "command", ...task })) });
  return (await api("/api/tasks/bulk", { method: "POST", body })).json() as Promise<Submitted>;
}

type Item = { kind: string; task_id: string } & Record<string, unknown>;

const PATIENCE_MS = 40_000;

/** What a run's feed tells, up to and with the item that is waited for. */
async function feedUntil(runId: string, isLast: (item: Item, all: Item[]) => boolean): Promise<Item[]> {
  const items: Item[] = [];
  try {
    const response = await api(`/api/runs/${runId}/feed`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    for await (const line of linesOf(response)) {
      items.push(JSON.parse(line) as Item);
      if (isLast(items.at(-1) as Item, items)) return items;
    }
    throw new Error("the feed has ended first");
  } catch (cause) {
    const told = items.map((item) => JSON.stringify(item)).join("\n");
    throw new Error(`the feed told:\n${told}\nthe processes said:\n${output}`, { cause });
  }
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString("utf8");
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
}

const endsOf = (items: Item[]) => items.filter(({ kind }) => kind === "task_ended");

test("a worker in another language runs tasks to their ends, with their logs", {
  timeout: 60_000,
}, async () => {
  const { run_id, task_ids } = await submit([
    {
      name: "passes",
      config: { command: ["sh", "-c", "echo $GREETING from $TESTYARD_WORKER_ID"] },
      env: { GREETING: "grüße" },
    },
    { name: "fails", config: { command: ["sh", "-c", "echo wrong >&2; exit 3"] } },
    { name: "too slow", config: { command: ["sleep", "600"] }, timeout_seconds: 0.2 },
    { name: "large", config: { command: ["true"], filler: "x".repeat(100_000) } },
  ]);
  const python = startPython("--until", "4");
  const items = await feedUntil(run_id, (_, all) => endsOf(all).length === 4);
  const stateOf = Object.fromEntries(endsOf(items).map(({ task_id, state }) => [task_id, state]));
  expect(task_ids.map((id) => stateOf[id])).toEqual(["completed", "failed", "timed_out", "completed"]);
  const attempts = items.filter(({ kind }) => kind === "attempt_ended");
  expect(attempts.every(({ worker_id }) => worker_id === "py-1")).toBe(true);
  const log = await api(`/api/tasks/${task_ids[0]}/logs`);
  expect(await log.text()).toBe("grüße from py-1\n");
  expect(await ended(python)).toBe(0);
});

test("a running task is cancelled at such a worker, and its slot is free again", {
  timeout: 60_000,
}, async () => {
  startPython();
  const slow = await submit([{ config: { command: ["sleep", "600"] } }]);
  await feedUntil(slow.run_id, ({ kind }) => kind === "task_started");
  await api(`/api/tasks/${slow.task_ids[0]}`, { method: "DELETE" });
  const next = await submit([{ config: { command: ["true"] } }]);
  const items = await feedUntil(next.run_id, ({ kind }) => kind === "task_ended");
  expect(items.at(-1)).toMatchObject({ state: "completed" });
});

test("a result that a dead worker left counts when its next process says hello", {
  timeout: 60_000,
}, async () => {
  const { run_id, task_ids } = await submit([{ config: { command: ["sh", "-c", "echo once"] } }]);
  expect(await ended(startPython("--die-before-sending"))).toBe(9);
  const python = startPython("--until", "1");
  expect(await said(python, /acknowledged .*/)).toBe(`acknowledged ${task_ids[0]} 1 accepted`);
  const items = await feedUntil(run_id, ({ kind }) => kind === "task_ended");
  expect(items.at(-1)).toMatchObject({ state: "completed" });
  expect(items.filter(({ kind }) => kind === "attempt_ended")).toHaveLength(1);
  expect(await ended(python)).toBe(0);
});

test("a worker with another yard's key is turned away with the code for it", {
  timeout: 60_000,
}, async () => {
  const foreign = join(dir, "foreign-key");
  writeFileSync(foreign, `${"0".repeat(64)}\n`);
  const python = startPython("--key-file", foreign);
  expect(await said(python, /no coordinator: (\d+) /)).toBe("4401");
});
