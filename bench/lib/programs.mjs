// The programs that a turn starts, and their end. Whatever happens (a failure, Ctrl-C, a closed terminal),
// they are gone afterwards and so are their files: a forgotten server would slow down every later turn.
//
// Each program leads a process group of its own: Ctrl-C reaches this process alone, which then ends the
// groups, the youngest first. The price: a kill -9 of this process leaves the servers behind.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const GRACE_MS = 10_000;
const LOOK_MS = 10;
const KEPT_OUTPUT = 64_000;

export class Programs {
  #root = mkdtempSync(join(tmpdir(), "testyard-peers-"));
  #running = [];
  #folders = 0;
  #isClosing = false;

  constructor() {
    // A server that runs as another user has to pass through here to its own folder.
    chmodSync(this.#root, 0o711);
  }

  /** A new folder, for one turn. */
  folder() {
    this.#folders += 1;
    const path = join(this.#root, String(this.#folders));
    mkdirSync(path, { mode: 0o711 });
    return path;
  }

  /** `stopWith` is the signal that ends it in order; `input` is all it finds on standard input. */
  start(command, args, { stopWith = "SIGTERM", input = "", ...options } = {}) {
    if (this.#isClosing) throw new Error("interrupted");
    const child = spawn(command, args, { ...options, stdio: "pipe", detached: true });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const program = { command, child, stopWith, stdout: "", stderr: "", ended: endOf(child) };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8").on("data", (text) => {
        program[name] = (program[name] + text).slice(-KEPT_OUTPUT);
      });
    }
    if (child.pid !== undefined) this.#running.push(program);
    return program;
  }

  /** Resolves when the program has printed `ready` on `stream`; rejects when it ends before. */
  async startServer(command, args, { ready, stream, ...options }) {
    const program = this.start(command, args, options);
    const isReady = new Promise((resolve) => {
      program.child[stream].on("data", () => ready.test(program[stream]) && resolve("ready"));
    });
    if ((await Promise.race([isReady, program.ended])) !== "ready") await this.#fail(program);
    return program;
  }

  /** Resolves to what the program printed on standard output; rejects when it failed. */
  async output(command, args, options = {}) {
    const program = this.start(command, args, options);
    if ((await program.ended) !== "exit code 0") await this.#fail(program);
    return program.stdout;
  }

  async #fail({ command, ended, stdout, stderr }) {
    throw new Error(`${command} ended with ${await ended}\n${(stderr || stdout).trim()}`.trim());
  }

  /** Ends everything that runs. Resolves to the commands that had to be killed. */
  async stopAll() {
    const killed = [];
    while (this.#running.length > 0) {
      const { command, child, stopWith } = this.#running.pop();
      if (!(await stopGroup(child.pid, stopWith))) killed.push(command);
    }
    return killed;
  }

  /** Nothing can be started afterwards. */
  async close() {
    this.#isClosing = true;
    await this.stopAll();
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}

function endOf(child) {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** False when it took a SIGKILL. Members of the group that outlive its leader count as well. */
async function stopGroup(pid, stopWith) {
  if (!signalGroup(pid, stopWith)) return true;
  const deadline = performance.now() + GRACE_MS;
  while (performance.now() < deadline) {
    if (!signalGroup(pid, 0)) return true;
    await sleep(LOOK_MS);
  }
  signalGroup(pid, "SIGKILL");
  return false;
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
