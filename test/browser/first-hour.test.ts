/**
 * A person's first hour with the program: installed from its package, used on a project that is not ours.
 * Each test goes on where the one before has stopped.
 */
import { execFile, type ExecFileException } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL, fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { eventually, Home } from "../e2e/program.testing.ts";
import { noChromium, openBrowser } from "./chromium.testing.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];
const call = promisify(execFile);

let home: Home;
let env: NodeJS.ProcessEnv;
const project = (...parts: string[]): string => home.path("shop", ...parts);

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** As typed in the project's folder; `npx` finds the program beside it. */
async function testyard(...args: string[]): Promise<Said> {
  try {
    const { stdout, stderr } = await call("npx", ["--no-install", "testyard", ...args], {
      cwd: project(),
      env,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as ExecFileException;
    return { code: Number(code), stdout, stderr };
  }
}

const json = async <T>(...args: string[]): Promise<T> =>
  JSON.parse((await testyard(...args, "--json")).stdout) as T;

const SHOP = {
  "shop/package.json": JSON.stringify({ name: "shop", type: "module", scripts: { test: "node --test" } }),
  "shop/src/price.js": "export const price = (n) => n * 3;\n",
  "shop/test/price.test.js": `
import assert from "node:assert/strict";
import test from "node:test";
import { price } from "../src/price.js";
test("three apples", () => assert.equal(price(3), 9));
test("none", () => assert.equal(price(0), 0));
`,
  "shop/test/stock.test.js": `
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
test("has a name", () => {});
test("is there", () => assert.ok(existsSync(process.env.SHOP_STOCK), "the stock is not there"));
`,
  "shop/test/slow.test.js": `
import test from "node:test";
test("takes its time", (t, done) => void setTimeout(done, Number(process.env.SHOP_SLOW ?? 0)));
`,
};

let url = "";
let failedRun = "";

interface Report {
  run: { run_id: string };
  totals: { cases: number; passed: number; failed: number };
  tasks: { task_id: string; state: string }[];
}

beforeAll(async () => {
  home = new Home();
  home.write(SHOP);
  writeFileSync(home.path("stock"), "");
  const { PATH, HOME } = process.env;
  env = { PATH, HOME, XDG_STATE_HOME: home.path("state"), XDG_CONFIG_HOME: home.path("config") };
  await call("npm", ["pack", "--ignore-scripts", "--pack-destination", home.dir, ...QUIET], { cwd: ROOT });
  const tarball = readdirSync(home.dir).find((name) => name.endsWith(".tgz")) ?? "";
  await call("npm", ["install", "--no-save", home.path(tarball), "--prefer-offline", ...QUIET], {
    cwd: project(),
  });
});

afterAll(() => home.remove());

const stock = (): string[] => ["--env", `SHOP_STOCK=${home.path("stock")}`];

async function startYard(): Promise<{ pid: number; gone: Promise<unknown> }> {
  const port = url === "" ? "0" : new URL(url).port;
  const args = ["up", "--port", port, "--data-dir", home.path("yard"), "--worker-count", "2"];
  const yard = home.start(args, {
    cwd: project(),
    env: { PATH: `${project("node_modules/.bin")}:${env["PATH"]}` },
  });
  const [, at = ""] = await yard.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  url = at;
  env["TESTYARD_COORDINATOR"] = url;
  env["TESTYARD_DATA_DIR"] = home.path("yard");
  await eventually(
    () => json<{ state: string }[]>("workers"),
    (workers) => workers.filter(({ state }) => state === "online").length === 2,
  );
  return { pid: yard.pid, gone: yard.ended };
}

describe("a person's first hour", () => {
  let yard: Awaited<ReturnType<typeof startYard>>;

  it("runs the tests of a project with nothing beside it", async () => {
    const { code, stdout, stderr } = await testyard("run", ...stock());
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("5 passed");
  });

  it("starts a yard that stays, and runs there", async () => {
    yard = await startYard();
    const { code, stderr } = await testyard("run", ...stock());
    expect(code, stderr).toBe(0);
  });

  it("breaks a test, and is told what failed, why, and what to type", async () => {
    const args = ["run", "--env", `SHOP_STOCK=${home.path("elsewhere")}`, "--report-dir", "out"];
    const { code, stdout, stderr } = await testyard(...args);
    expect(code, stderr).toBe(1);
    expect(stdout).toContain("the stock is not there");
    expect(stdout).toContain("4 passed, 1 failed");
    failedRun = (JSON.parse(readFileSync(project("out/report.json"), "utf8")) as Report).run.run_id;
    expect(stdout + stderr).toContain(`testyard retry --failed ${failedRun}`);
  });

  it("reads the log of what failed", async () => {
    const report = JSON.parse(readFileSync(project("out/report.json"), "utf8")) as Report;
    const failed = report.tasks.find(({ state }) => state === "failed")?.task_id ?? "";
    const { code, stdout } = await testyard("logs", failed);
    expect(code).toBe(0);
    expect(stdout).toContain("the stock is not there");
  });

  it("puts the cause right and runs only what failed again", async () => {
    mkdirSync(home.path("elsewhere"));
    const { code, stdout, stderr } = await testyard("retry", "--failed", failedRun, "--report-dir", "again");
    expect(code, stdout + stderr).toBe(0);
    const report = JSON.parse(readFileSync(project("again/report.json"), "utf8")) as Report;
    expect(report.totals).toMatchObject({ failed: 0 });
  });

  it("asks why a task does not start", async () => {
    const task = { type: "command", config: { command: ["true"] }, requirements: { hardware: ["cuda"] } };
    writeFileSync(project("gpu.json"), JSON.stringify(task));
    const { task_ids } = await json<{ task_ids: string[] }>("submit", "--task", "gpu.json");
    const { code, stdout } = await testyard("explain", task_ids[0] ?? "");
    expect(code).toBe(0);
    expect(stdout).toContain("cuda");
    const { workers } = await json<{ workers: unknown[] }>("explain", task_ids[0] ?? "");
    expect(workers).toHaveLength(2);
  });

  it("asks for the slowest ten", async () => {
    const sql = "SELECT file, name, duration_ms FROM cases WHERE is_final ORDER BY duration_ms DESC LIMIT 10";
    const { rows, columns } = await json<{ rows: unknown[][]; columns: { name: string }[] }>("query", sql);
    expect(columns.map(({ name }) => name)).toEqual(["file", "name", "duration_ms"]);
    expect(rows).toHaveLength(10);
  });

  it("opens the report from disk: nothing is asked of any network", async (context) => {
    if (noChromium !== null) context.skip(noChromium);
    expect(existsSync(project("out/report.html"))).toBe(true);
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      const asked: string[] = [];
      const wrong: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
      page.on("pageerror", (error) => wrong.push(error.message));
      await page.goto(pathToFileURL(project("out/report.html")).href);
      await page.getByText("the stock is not there").first().waitFor();
      expect(asked.filter((each) => !/^(?:file|data|blob):/.test(each))).toEqual([]);
      expect(wrong).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it("kills the yard in the middle of a run, starts it again, and goes back to the run", async () => {
    const before = await runIds();
    const client = testyard("run", ...stock(), "--env", "SHOP_SLOW=8000");
    const [run = ""] = await eventually(
      async () => (await runIds()).filter((id) => !before.includes(id)),
      (ids) => ids.length > 0,
    );
    process.kill(yard.pid, "SIGKILL");
    await yard.gone;
    yard = await startYard();
    const again = await testyard("attach", run);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stdout).toContain("5 passed");
    // The one that waited all along ends alike.
    expect((await client).code).toBe(0);
    expect((await testyard("verify", "--data-dir", home.path("yard"))).code).toBe(0);
  });
});

async function runIds(): Promise<string[]> {
  const tasks = await json<{ run_id: string }[]>("tasks");
  return [...new Set(tasks.map(({ run_id }) => run_id))];
}
