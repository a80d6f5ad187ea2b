/** Prometheus itself reads what a coordinator answers, and its own checker accepts it and our alerts. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually, Home } from "../e2e/program.testing.ts";

vi.setConfig({ testTimeout: 60_000 });

const DEPLOY = new URL("../../deploy/prometheus/", import.meta.url);
const isThere = spawnSync("promtool", ["--version"]).status === 0;
const skipped =
  isThere || process.env["CI"] === "true" ? null : "no prometheus: scripts/install-test-deps.sh";

let home: Home;
let prometheus: ChildProcess | null = null;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  if (prometheus !== null) {
    const gone = new Promise((resolve) => prometheus?.once("exit", resolve));
    prometheus.kill("SIGKILL");
    await gone;
    prometheus = null;
  }
  await home.remove();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Samples {
  data: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

/** The shipped configuration, but for another target, a shorter interval and files of its own. */
async function startPrometheus(target: string): Promise<string> {
  const shipped = readFileSync(new URL("prometheus.yml", DEPLOY), "utf8");
  const config = shipped.replace("127.0.0.1:8080", target).replace("15s", "1s");
  home.write({ "prometheus.yml": config, "alerts.yml": readFileSync(new URL("alerts.yml", DEPLOY), "utf8") });
  const port = await freePort();
  const args = [
    `--config.file=${home.path("prometheus.yml")}`,
    `--storage.tsdb.path=${home.path("tsdb")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  prometheus = spawn("prometheus", args, { cwd: home.dir, stdio: "ignore" });
  return `http://127.0.0.1:${port}`;
}

it("is scraped by Prometheus, and its samples arrive", async (context) => {
  if (skipped !== null) return context.skip(skipped);
  const { url } = await home.coordinator();
  await home.worker(url, "w1");
  const task = { type: "command", config: { shell: "true" } };
  home.write({ "task.json": JSON.stringify(task) });
  await home.run(["submit", "--task", home.path("task.json"), "--coordinator", url, "--wait"]);
  const at = await startPrometheus(url.slice("http://".length));
  const ask = async (query: string): Promise<Samples["data"]["result"]> => {
    const response = await fetch(`${at}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => null);
    return response?.ok === true ? ((await response.json()) as Samples).data.result : [];
  };
  const up = await eventually(
    () => ask('up{job="testyard"} == 1'),
    (result) => result.length === 1,
  );
  expect(up[0]?.value[1]).toBe("1");
  const passed = await ask('testyard_attempts_total{outcome="passed"}');
  expect(passed.map(({ value }) => value[1])).toEqual(["1"]);
  const online = await ask('testyard_workers{state="online"}');
  expect(online.map(({ value }) => value[1])).toEqual(["1"]);
  const { status, data } = (await (await fetch(`${at}/api/v1/rules`)).json()) as {
    status: string;
    data: { groups: { rules: { health: string }[] }[] };
  };
  expect(status).toBe("success");
  expect(data.groups[0]?.rules.length).toBeGreaterThan(4);
});

it("passes the checks of Prometheus, and so do the alerts", async (context) => {
  if (skipped !== null) return context.skip(skipped);
  const { url } = await home.coordinator();
  const text = await (await fetch(`${url}/metrics`)).text();
  const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  expect([checked.status, checked.stderr]).toEqual([0, ""]);
  const rules = fileURLToPath(new URL("alerts.yml", DEPLOY));
  expect(execFileSync("promtool", ["check", "rules", rules], { encoding: "utf8" })).toContain("SUCCESS");
});
