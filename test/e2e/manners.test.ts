// What holds for every command, however it ends: found by walking the command tree, so that a new one is held
// to it as well.
import { execFile, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { commandTable, type CommandFacts } from "../../src/cli/index.ts";
import { Home, MAIN } from "./program.testing.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

const ESC = "\u001b";
const UNKNOWN_ID = "01J00000000000000000000000";
const NOBODY = "http://127.0.0.1:1";
const AT_ONCE = 4;

/** They serve, or print what a shell or a terminal wants as it is. */
const WITHOUT_JSON = ["up", "coordinator", "worker", "help", "complete", "completion"];
/** What a command needs beside its arguments to get as far as the coordinator. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  submit: ["--task", "task.json"],
  "schedule add": ["--cron", "@daily", "--task", "task.json"],
};
const VALUES: Readonly<Record<string, string>> = { worker: "nobody", sql: "SELECT 1", paths: "js" };

const commands = commandTable();
const nameOf = ({ words }: CommandFacts): string => words.join(" ");
const has = (command: CommandFacts, flag: string): boolean => command.flags.includes(flag);
/** Not the doctor: that nobody answers is one of its findings. */
const needsCoordinator = commands.filter(
  (command) => has(command, "--coordinator") && has(command, "--json") && nameOf(command) !== "doctor",
);
const isId = (name: string): boolean => /^(id|task|run|worker)s?$/.test(name);

let home: Home;
let url = "";
beforeAll(async () => {
  home = new Home();
  home.write({
    "task.json": '{"type":"command","config":{"command":["true"]}}',
    "js/package.json": '{"type":"module","scripts":{"test":"node --test"}}',
    "js/test/a.test.js": 'import test from "node:test";\ntest("fails", () => { throw new Error("no"); });\n',
  });
  ({ url } = await home.coordinator());
});
afterAll(() => home.remove());

function lineOf(command: CommandFacts): string[] {
  const given = command.arguments.map((name) => VALUES[name.replace(/s$/, "")] ?? VALUES[name] ?? UNKNOWN_ID);
  return [...command.words, ...given, ...(MORE[nameOf(command)] ?? [])];
}

async function each<T>(list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...list];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

interface Failure {
  error: { code: string; message: string; next?: string; docs: string };
  exit_code: number;
}

async function failure(args: readonly string[], env: Record<string, string> = {}): Promise<Failure> {
  const { code, stdout, stderr } = await home.run([...args, "--json"], { env });
  const what = `${args.join(" ")}\n${stdout}\n${stderr}`;
  expect(() => JSON.parse(stdout) as unknown, what).not.toThrow();
  const said = JSON.parse(stdout) as Failure;
  expect(said, what).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
  expect(code, what).toBe(said.exit_code);
  expect(stdout + stderr, what).not.toContain(ESC);
  expect(stderr, what).toContain(`[${said.error.code}]`);
  return said;
}

describe("every command", () => {
  it("that prints data takes --json", () => {
    const without = commands.filter((command) => !has(command, "--json")).map(nameOf);
    expect(without.sort()).toEqual([...WITHOUT_JSON].sort());
  });

  it("answers a flag that it does not have with JSON, exit 2, a guess, and no escape code", async () => {
    await each(commands, async (command) => {
      const { error, exit_code } = await failure([...lineOf(command), "--quite"]);
      expect([error.code, exit_code], nameOf(command)).toEqual(["usage", 2]);
      expect(error.message).toContain("did you mean --quiet?");
      expect(error.next).toBe(`testyard ${nameOf(command)} --help`);
    });
  });

  it("says so as JSON, exit 3, when no coordinator answers", async () => {
    await each(needsCoordinator, async (command) => {
      const { error, exit_code } = await failure([...lineOf(command), "--coordinator", NOBODY]);
      expect([error.code, exit_code], nameOf(command)).toEqual(["unreachable", 3]);
      expect(error.next).toContain("testyard up");
    });
  });

  it("says so as JSON, exit 2, when nobody knows the id", async () => {
    const withId = needsCoordinator.filter((command) => command.arguments.some(isId));
    expect(withId.map(nameOf)).toContain("attach");
    await each(withId, async (command) => {
      const { error, exit_code } = await failure([...lineOf(command), "--coordinator", url]);
      expect(error.code, nameOf(command)).toMatch(/_unknown$/);
      expect(exit_code).toBe(2);
    });
  });

  it("leaves escape codes away on a terminal that asks for none", async () => {
    const plain = [{ NO_COLOR: "1" }, { CI: "1" }, { TERM: "dumb" }];
    let turn = 0;
    await each(commands, async (command) => {
      const env = plain[turn++ % plain.length] ?? {};
      const text = await onTerminal([...lineOf(command), "--quite"], env);
      expect(text, nameOf(command)).toContain("[usage]");
      expect(text, `${nameOf(command)} with ${JSON.stringify(env)}`).not.toContain(ESC);
    });
  });
});

/** Its output, when it thinks that a person looks. */
function onTerminal(args: readonly string[], env: Record<string, string>): Promise<string> {
  const script = "import pty, sys; pty.spawn(sys.argv[1:])";
  const { CI: _ci, NO_COLOR: _no, FORCE_COLOR: _force, ...rest } = process.env;
  return new Promise((resolve, reject) => {
    const child = execFile(
      "python3",
      ["-c", script, process.execPath, MAIN, ...args],
      { cwd: home.dir, env: { ...rest, TERM: "xterm", ...home.places(), ...env } },
      (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
    );
    child.stdin?.end();
  });
}

describe("colour", () => {
  it("is there on a terminal, and in a pipe when it is asked for", async () => {
    expect(await onTerminal(["tasks", "--quite"], {})).toContain(ESC);
    expect((await home.run(["tasks", "--quite"], { env: { FORCE_COLOR: "1" } })).stderr).toContain(ESC);
    expect((await home.run(["tasks", "--coordinator", url])).stderr).not.toContain(ESC);
  });
});

describe("--quiet", () => {
  it("leaves data and errors", async () => {
    const args = ["submit", "--task", "task.json", "--coordinator", url];
    const loud = await home.run(args);
    const quiet = await home.run([...args, "--quiet"]);
    expect([loud.stderr === "", quiet.stderr]).toEqual([false, ""]);
    expect(quiet.stdout).toMatch(/^\w{26}\n$/);
    expect((await home.run(["task", UNKNOWN_ID, "--coordinator", url, "--quiet"])).stderr).toContain(
      "task_unknown",
    );
  });
});

describe("a reader that has seen enough", () => {
  const codeBefore = (line: string): string => {
    const script = `"${process.execPath}" "${MAIN}" ${line} 2>err | true; echo \${PIPESTATUS[0]}`;
    const env = { ...process.env, ...home.places(), CI: "1" };
    return spawnSync("bash", ["-c", script], { cwd: home.dir, env, encoding: "utf8" }).stdout.trim();
  };

  it("ends what only prints, quietly", () => {
    expect(codeBefore("config schema")).toBe("0");
    expect(home.read("err")).toBe("");
    expect(codeBefore(`task ${UNKNOWN_ID} --coordinator ${url} --json`)).toBe("2");
  });

  it("changes no verdict", () => {
    const code = codeBefore("run js --root js --workers 1");
    expect(code, home.read("err")).toBe("1");
    expect(home.read("err")).not.toContain("EPIPE");
  });
});

describe("a wrong key", () => {
  it("ends with 4 and says where keys come from", async () => {
    const args = ["cancel", "--run", UNKNOWN_ID, "--coordinator", url];
    const { error, exit_code } = await failure(args, { TESTYARD_CLIENT_KEY: "0".repeat(64) });
    expect([error.code, exit_code]).toEqual(["unauthorized", 4]);
    expect(error.next).toContain("--data-dir");
  });
});

describe("settings", () => {
  it("hold for the real program, and a mistake in them stops it with its place", async () => {
    home.write({ "conf/testyard.config.yaml": `coordinator: ${url}\ntasks:\n  limit: 1\n` });
    const options = { cwd: home.path("conf") };
    const listed = await home.run(["tasks", "--json"], options);
    expect([listed.code, (JSON.parse(listed.stdout) as unknown[]).length]).toEqual([0, 1]);
    const shown = await home.run(
      ["config", "show", "--origin", "--json", "--", "tasks", "--run", "x"],
      options,
    );
    expect(JSON.parse(shown.stdout)).toMatchObject({
      "tasks.run": { value: "x", origin: "flag" },
      "tasks.limit": { value: "1", origin: `${home.path("conf/testyard.config.yaml")}:3` },
      "tasks.state": { value: null, origin: "default" },
    });
    home.write({ "bad/testyard.config.yaml": "tasks:\n  limt: 1\n" });
    const refused = await home.run(["tasks", "--json"], { cwd: home.path("bad") });
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      error: { code: "configuration_invalid" },
      exit_code: 2,
    });
    expect(refused.stderr).toContain(
      'testyard.config.yaml:2: unknown key "tasks.limt"; did you mean "limit"?',
    );
  });
});
