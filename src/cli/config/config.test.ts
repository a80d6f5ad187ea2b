import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keyValue, secondsToMs, wholeNumber, words } from "../flags.ts";
import { createProgram } from "../program.ts";
import { applySettings } from "./apply.ts";
import { configFiles } from "./files.ts";
import { find, hostSources, originText, type Sources } from "./resolve.ts";
import { fileSchema, jsonSchema } from "./schema.ts";
import { allSettings, settingsOf } from "./settings.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "testyard-config-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** A program of its own, so that the mechanism is seen and not today's flags. */
function sample(): { program: Command; run: Command } {
  const program = new Command("testyard");
  const run = program
    .command("run")
    .option("--coordinator <url>", "address")
    .option("--retries <n>", "how often", wholeNumber(0, 100), 0)
    .option("--placement-timeout <s>", "how long", secondsToMs)
    .option("--report <formats...>", "which")
    .option("--report-dir <dir>", "where")
    .option("--label <name=value>", "labels", keyValue)
    .option("--args <words>", "words", words)
    .option("--only-tracked", "less")
    .option("--no-cache", "anew");
  const bench = program.command("bench");
  bench.command("spawn").option("--tasks <n>", "how many", wholeNumber(1));
  program.command("coordinator").option("--port <n>", "port", wholeNumber(0, 65_535));
  return { program, run };
}

const places = () => ({ cwd: join(dir, "work"), home: join(dir, "home"), userDir: join(dir, "user") });

async function sources(env: NodeJS.ProcessEnv = {}, program = sample().program): Promise<Sources> {
  const { documents } = await hostSources(allSettings(program), places());
  return { env, documents };
}

async function optionsOf(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const { program, run } = sample();
  run.parseOptions([...args]);
  applySettings(run, await sources(env, program));
  return run.opts();
}

const refusal = (work: Promise<unknown>): Promise<{ code: string; message: string; next: string }> =>
  work.then(
    () => {
      throw new Error("it was taken");
    },
    (error: { trouble: { code: string; message: string; next: string } }) => error.trouble,
  );

describe("precedence", () => {
  it("takes flag before variable before project file before user file before default", async () => {
    expect(await optionsOf([])).toMatchObject({ retries: 0 });
    write("user/config.yaml", "run:\n  retries: 1\n");
    expect(await optionsOf([])).toMatchObject({ retries: 1 });
    write("work/testyard.config.json", '{"run": {"retries": 2}}');
    expect(await optionsOf([])).toMatchObject({ retries: 2 });
    expect(await optionsOf([], { TESTYARD_RETRIES: "3" })).toMatchObject({ retries: 3 });
    expect(await optionsOf(["--retries", "4"], { TESTYARD_RETRIES: "3" })).toMatchObject({ retries: 4 });
  });

  it("takes a command's own section before what stands at the top, in one file", async () => {
    write("work/testyard.config.yaml", "coordinator: http://a:1\n");
    expect(await optionsOf([])).toMatchObject({ coordinator: "http://a:1" });
    write("work/testyard.config.yaml", "coordinator:\n  url: http://b:1\n  port: 9\n");
    expect(await optionsOf([])).toMatchObject({ coordinator: "http://b:1" });
    write("work/testyard.config.yaml", "coordinator: http://a:1\nrun: {coordinator: 'http://c:1'}\n");
    expect(await optionsOf([])).toMatchObject({ coordinator: "http://c:1" });
    write("work/testyard.config.yaml", "coordinator:\n  port: 9\n");
    expect(await optionsOf([])).not.toHaveProperty("coordinator");
  });

  it("knows where each value stands", async () => {
    const file = write("work/testyard.config.yaml", "run:\n  only_tracked: true\n\n  retries: 2\n");
    const { program } = sample();
    const from = await sources({ TESTYARD_REPORT_DIR: "out" }, program);
    const origin = (key: string): string | null => {
      const found = find(allSettings(program).find((setting) => setting.key === key)!, from);
      return found === null ? null : originText(found.origin);
    };
    expect(origin("run.retries")).toBe(`${file}:4`);
    expect(origin("run.report_dir")).toBe("TESTYARD_REPORT_DIR");
    expect(origin("run.label")).toBeNull();
  });

  it("takes what an attempt is told of itself for no setting", async () => {
    const { program, run } = sample();
    run.option("--attempt <n>", "which", wholeNumber(1));
    applySettings(run, await sources({ TESTYARD_ATTEMPT: "2", TESTYARD_TASK_ID: "x" }, program));
    expect(run.opts()).not.toHaveProperty("attempt");
    applySettings(run, await sources({ TESTYARD_ATTEMPT: "2" }, program));
    expect(run.opts()).toMatchObject({ attempt: 2 });
  });
});

describe("values", () => {
  it("reads them in a file as the flag would, paths from the file's own folder", async () => {
    write(
      "work/testyard.config.yaml",
      [
        "run:",
        "  placement_timeout: 0.5",
        "  report: [json, junit]",
        "  report_dir: out",
        "  label: {rack: b2, floor: 3}",
        "  args: ['-k', 'a \"b']",
        "  only_tracked: true",
        "  cache: false",
      ].join("\n"),
    );
    expect(await optionsOf([])).toEqual({
      retries: 0,
      placementTimeout: 500,
      report: ["json", "junit"],
      reportDir: join(dir, "work", "out"),
      label: { rack: "b2", floor: "3" },
      args: ["-k", 'a "b'],
      onlyTracked: true,
      cache: false,
    });
  });

  it("reads them from variables, lists parted by commas", async () => {
    const env = {
      TESTYARD_REPORT: "json, junit",
      TESTYARD_LABEL: "a=1,b=2",
      TESTYARD_ONLY_TRACKED: "no",
      TESTYARD_PLACEMENT_TIMEOUT: "2",
      TESTYARD_RETRIES: "",
    };
    expect(await optionsOf([], env)).toMatchObject({
      report: ["json", "junit"],
      label: { a: "1", b: "2" },
      placementTimeout: 2000,
      retries: 0,
    });
    expect(await optionsOf([], env)).not.toHaveProperty("onlyTracked", true);
  });

  it("puts variables in for references, and names the one that is not set with its place", async () => {
    write("work/testyard.config.yaml", "run:\n  retries: ${HOW_OFTEN}\n  coordinator: 'http://${H}:$${1}'\n");
    process.env["HOW_OFTEN"] = "7";
    process.env["H"] = "host";
    const { program, run } = sample();
    applySettings(run, await sources({ HOW_OFTEN: "7", H: "host" }, program));
    expect(run.opts()).toMatchObject({ retries: 7, coordinator: "http://host:${1}" });
    const { code, message, next } = await refusal(optionsOf([], { H: "host" }));
    expect(code).toBe("configuration_unset");
    expect(message).toMatch(/testyard\.config\.yaml:2: run\.retries: \$\{HOW_OFTEN\} .* not set/);
    expect(next).toContain("HOW_OFTEN");
    delete process.env["HOW_OFTEN"];
    delete process.env["H"];
  });

  it("takes the key from a file, but no bare key from one that the project shares", async () => {
    write("user/config.yaml", "client_key: abc\n");
    expect(await optionsOf([])).toMatchObject({ clientKey: "abc" });
    write("work/testyard.config.yaml", "client_key: ${YARD_KEY}\n");
    expect(await optionsOf([], { YARD_KEY: "def" })).toMatchObject({ clientKey: "def" });
    write("work/testyard.config.yaml", "\nclient_key: abc\n");
    const { code, message } = await refusal(optionsOf([]));
    expect([code, message]).toEqual([
      "configuration_secret",
      expect.stringContaining("testyard.config.yaml:2"),
    ]);
    expect(message).not.toContain("abc");
  });
});

describe("mistakes", () => {
  it.each([
    ["yaml", "run:\n  retries: 1\n  retrys: 2\n", ':3: unknown key "run.retrys"; did you mean "retries"?'],
    ["yaml", "rnu: {}\n", ':1: unknown key "rnu"; did you mean "run"?'],
    ["yaml", "bench:\n  spawn:\n    taks: 1", ':3: unknown key "bench.spawn.taks"; did you mean "tasks"?'],
    ["json", '{\n "run": {\n  "retries": "many"\n }\n}', ":3: run.retries wants a whole number, 0 to 100"],
    ["yaml", "run:\n  retries: -1", ":2: run.retries wants a whole number, 0 to 100, not -1"],
    ["yaml", "run:\n  label: [a=1, [b]]", ":2: run.label.1 wants names with a text each"],
    ["yaml", "run: yes please", ":1: run wants a section"],
    ["yaml", "- run", ":1: the file wants a section"],
    ["yaml", "coordinator:\n  prot: 1", ':2: unknown key "coordinator.prot"; did you mean "port"?'],
    ["yaml", "coordinator:\n  port: many", ":2: coordinator.port wants a whole number"],
    ["yaml", "coordinator: 7", ":1: coordinator wants an address"],
    ["yaml", "run:\n  retries: 1\n  retries: 2\n", ":3: Map keys must be unique"],
    ["json", '{"run": ', ":1: "],
    ["yaml", "run: *nowhere", ":1: the file wants a section"],
    ["yaml", "__proto__: {retries: 1}", ':1: unknown key "__proto__"'],
  ])("are told with their line (%s): %j", async (ending, text, expected) => {
    const path = write(`work/testyard.config.${ending}`, text);
    const { code, message } = await refusal(optionsOf([]));
    expect(code).toBe("configuration_invalid");
    expect(message).toContain(`${path}${expected}`);
  });

  it("are told all at once", async () => {
    write("work/testyard.config.yaml", "run:\n  retries: many\n  retrys: 2\nprojct: a\n");
    const { message } = await refusal(optionsOf([]));
    expect(message.match(/(?<=yaml:)\d/g)).toEqual(["2", "3", "4"]);
  });

  it("of a variable are told with its name", async () => {
    const { message } = await refusal(optionsOf([], { TESTYARD_RETRIES: "many" }));
    expect(message).toBe('TESTYARD_RETRIES wants a whole number, 0 to 100, not "many"');
  });
});

describe("files", () => {
  it("are looked for upward, up to the repository, and never twice in one folder", () => {
    const outer = write("testyard.config.yaml", "");
    const at = (cwd: string) => configFiles({ ...places(), cwd: join(dir, cwd) }).map(({ path }) => path);
    mkdirSync(join(dir, "repo/.git"), { recursive: true });
    mkdirSync(join(dir, "repo/deep"), { recursive: true });
    expect(at("work/deeper")).toEqual([outer]);
    expect(at("home/x")).toEqual([]);
    expect(at("repo/deep")).toEqual([]);
    const inner = write("repo/testyard.config.json", "{}");
    expect(at("repo/deep")).toEqual([inner]);
    write("repo/testyard.config.yml", "");
    expect(() => at("repo/deep")).toThrow("are both there");
  });

  it("may be empty", async () => {
    write("work/testyard.config.yaml", "# nothing yet\n");
    expect(await optionsOf([])).toMatchObject({ retries: 0 });
  });
});

describe("the real program", () => {
  const program = createProgram(() => {});
  const settings = allSettings(program);

  it("has a key and a variable for every flag, and a parser that a file can feed", () => {
    for (const { env, path, description } of settings) {
      expect(env).toMatch(/^TESTYARD_[A-Z0-9_]+$/);
      expect(path.join(".")).toMatch(/^[a-z0-9_.]+$/);
      expect(description).not.toBe("");
    }
    expect(settings.map(({ key }) => key)).toContain("run.placement_timeout");
    expect(settings.map(({ key }) => key)).toContain("bench.throughput.tasks");
    // A command that has commands and does something by itself too.
    expect(settings.map(({ key }) => key)).toContain("report.coordinator");
  });

  it("has no flag that must be typed, for a file or a variable may give it", () => {
    for (const { key, option } of settings) expect(option?.mandatory ?? false, key).toBe(false);
  });

  it("gives editors the schema that checks the file", () => {
    const schema = jsonSchema(settings) as { properties: Record<string, { properties: object }> };
    expect(schema.properties["run"]?.properties).toHaveProperty("placement_timeout.description");
    const good = { $schema: "x", coordinator: "http://a", run: { retries: 2, report: ["json"] } };
    expect(fileSchema(settings).safeParse(good).success).toBe(true);
    expect(fileSchema(settings).safeParse({ coordinator: { port: "${PORT}" } }).success).toBe(true);
  });

  it("shows the key to those commands that ask a coordinator", () => {
    const command = (name: string) => program.commands.find((each) => each.name() === name)!;
    expect(settingsOf(command("tasks")).map(({ key }) => key)).toContain("client_key");
    expect(settingsOf(command("verify")).map(({ key }) => key)).not.toContain("client_key");
  });
});
