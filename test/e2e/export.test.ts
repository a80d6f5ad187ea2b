/** testyard export: from a running coordinator, from a file, and broken off. */
import { existsSync, readdirSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Home } from "./program.testing.ts";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Exported {
  tables: { name: string; rows: number; file: string; bytes: number }[];
  watermark: number;
}

const TASKS = JSON.stringify([
  { type: "command", name: "=quick", config: { shell: "true" } },
  { type: "command", name: "broken", config: { shell: "exit 3" } },
]);

async function yardWithTasks(): Promise<{ at: string[]; stop: () => Promise<unknown> }> {
  const { url, child, ended } = await home.coordinator();
  await home.worker(url, "w1");
  home.write({ "tasks.json": TASKS });
  const at = ["--coordinator", url, "--data-dir", home.path("yard")];
  expect((await home.run(["submit", "--task", "tasks.json", "--wait", ...at])).code).toBe(1);
  const stop = () => {
    child.kill("SIGINT");
    return ended;
  };
  return { at, stop };
}

const rowsOf = ({ tables }: Exported) => Object.fromEntries(tables.map(({ name, rows }) => [name, rows]));

test("holds the same online and offline, and never overwrites by itself", { timeout: 60_000 }, async () => {
  const { at, stop } = await yardWithTasks();
  const online = await home.json<Exported>(["export", "online", ...at]);
  expect(rowsOf(online)).toMatchObject({ runs: 1, task_specs: 2, task_ends: 2, attempts: 2 });
  const files = online.tables.map(({ file }) => file);
  expect(readdirSync(home.path("online")).sort()).toEqual([...files, "export.json"].sort());
  expect(JSON.parse(home.read("online/export.json"))).toEqual(online);
  expect(existsSync(home.path("yard", "exports"))).toBe(false);

  const again = await home.run(["export", "online", ...at, "--json"]);
  expect(again.code).toBe(2);
  expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: "usage" } });
  const forced = ["export", "online", "--force", "--format", "csv", "--tables", "task_specs", ...at];
  expect((await home.run(forced)).code).toBe(0);
  expect(home.read("online/task_specs.csv")).toContain(",'=quick,");

  await stop();
  const db = ["--db-path", home.path("yard", "results.duckdb")];
  const offline = await home.json<Exported>(["export", "offline", "--format", "json", ...db]);
  expect(rowsOf(offline)).toMatchObject({ runs: 1, task_specs: 2, task_ends: 2, attempts: 2 });
  expect(home.read("offline/task_ends.ndjson").trim().split("\n")).toHaveLength(2);
});

test("of a table that is not there is a mistake of the caller, online and offline", {
  timeout: 60_000,
}, async () => {
  const { at, stop } = await yardWithTasks();
  const wrong = ["export", "out", "--tables", "nope"];
  const online = await home.run([...wrong, ...at]);
  await stop();
  const offline = await home.run([...wrong, "--db-path", home.path("yard", "results.duckdb")]);
  for (const { code, stderr } of [online, offline]) {
    expect(code).toBe(2);
    expect(stderr).toContain("export_table_unknown");
  }
  expect(existsSync(home.path("out"))).toBe(false);
});

test("leaves no file under its name when broken off, by Ctrl-C or a kill", { timeout: 60_000 }, async () => {
  const { stop } = await yardWithTasks();
  await stop();
  const db = ["--db-path", home.path("yard", "results.duckdb")];
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    const taking = home.start(["export", signal, ...db]);
    await taking.says(/runs\.parquet/);
    taking.child.kill(signal);
    const { code } = await taking.ended;
    const left = existsSync(home.path(signal)) ? readdirSync(home.path(signal)) : [];
    // It may have been through already: then all of it is there.
    if (code === 0) expect(left).toContain("export.json");
    else expect(left.filter((name) => !name.startsWith("."))).toEqual([]);
  }
  expect((await home.run(["export", "SIGKILL", "--force", ...db])).code).toBe(0);
  expect(readdirSync(home.path("SIGKILL")).some((name) => name.startsWith("."))).toBe(false);
});
