/** The built program as real processes, each test with a home of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const LONGEST_MS = 60_000;
const PROGRAMS = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
  /** Resolves with the match once stderr holds it; rejects when the program ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

export class Home {
  readonly dir = mkdtempSync(join(tmpdir(), "testyard-e2e-"));
  readonly #children: ChildProcess[] = [];

  constructor() {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: npm run build`);
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(this.path(name)), { recursive: true });
      writeFileSync(this.path(name), text);
    }
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  start(
    args: readonly string[],
    options: { main?: string; cwd?: string; env?: Record<string, string>; input?: string } = {},
  ): Started {
    const { PATH = "", ...env } = withoutSettings(process.env);
    const child = spawn(process.execPath, [options.main ?? MAIN, ...args], {
      cwd: options.cwd ?? this.dir,
      env: { ...env, PATH: `${PROGRAMS}:${PATH}`, ...this.places(), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.end(options.input ?? "");
    this.#children.push(child);
    return started(child);
  }

  /** Where it keeps state and looks for settings: nothing of the user who runs the tests. */
  places(): Record<string, string> {
    return { XDG_STATE_HOME: this.path("state"), XDG_CONFIG_HOME: this.path("config") };
  }

  /** To its end, which comes within a minute or is a failure that shows how far it got. */
  async run(args: readonly string[], options: Parameters<Home["start"]>[1] = {}): Promise<Ended> {
    const { child, ended, stderr } = this.start(args, options);
    const late = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`testyard ${args.join(" ")} did not end; it said: ${stderr()}`));
      }, LONGEST_MS);
      void ended.then(() => clearTimeout(timer));
    });
    return Promise.race([ended, late]);
  }

  async json<T>(args: readonly string[]): Promise<T> {
    const { stdout, stderr } = await this.run([...args, "--json"]);
    try {
      return JSON.parse(stdout) as T;
    } catch {
      throw new Error(`no JSON from ${args.join(" ")}: ${stdout}${stderr}`);
    }
  }

  /** A coordinator on a free port; `url` is where. */
  async coordinator(args: readonly string[] = []): Promise<Started & { url: string }> {
    const process = this.start(["coordinator", "--port", "0", "--data-dir", this.path("yard"), ...args]);
    const [, url = ""] = await process.says(/coordinator at (http:\S+?),/);
    return { ...process, url };
  }

  async worker(url: string, id: string, args: readonly string[] = []): Promise<Started> {
    const place = ["--data-dir", this.path("yard"), "--work-dir", this.path("work", id)];
    const process = this.start(["worker", "--coordinator", url, "--worker-id", id, ...place, ...args]);
    await process.says(/connected to coordinator/);
    return process;
  }

  async remove(): Promise<void> {
    const living = this.#children.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    );
    const gone = living.map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const child of living) child.kill("SIGKILL");
    await Promise.all(gone);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("TESTYARD_")));
}

function started(child: ChildProcess): Started {
  const streams = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8");
    child[name]?.on("data", (text: string) => (streams[name] += text));
  }
  const ended = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, ...streams })));
  return {
    child,
    pid: child.pid ?? 0,
    stderr: () => streams.stderr,
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(streams.stderr);
          if (found !== null) resolve(found);
        };
        child.stderr?.on("data", look);
        look();
        void ended.then(({ code, stderr }) => reject(new Error(`it ended with ${code} and said: ${stderr}`)));
      }),
  };
}

/** Asks again until the answer holds. */
export async function eventually<T>(
  ask: () => Promise<T>,
  holds: (value: T) => boolean,
  limitMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await ask();
    if (holds(value)) return value;
    if (performance.now() > deadline) throw new Error(`it never held; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
