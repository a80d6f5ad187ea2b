import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { buildReport } from "../../reports/index.ts";
import { stateOf } from "../run/embedded.ts";
import { keepReport, keptReports } from "./kept.ts";

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "testyard-kept-"));
  vi.stubEnv("XDG_STATE_HOME", state);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(state, { recursive: true, force: true });
});

function reportAt(started_at: number) {
  const run = { run_id: `R${started_at}`, name: "shop", project: "default", url: null };
  const facts = { run, started_at, ended_at: started_at + 1, environment: {}, tasks: [], problems: [] };
  return buildReport(facts);
}

const last = async () => (await keptReports("/ws").find(() => true))?.run.run_id ?? null;

it("finds the newest that fits, and nothing of another folder", async () => {
  for (const at of [3, 1, 2]) await keepReport("/ws", reportAt(at));
  expect(await last()).toBe("R3");
  expect((await keptReports("/ws").find((it) => it.started_at < 3))?.run.run_id).toBe("R2");
  expect(await keptReports("/elsewhere").find(() => true)).toBeNull();
});

it("keeps the last twenty", async () => {
  for (let at = 1; at <= 23; at++) await keepReport("/ws", reportAt(at));
  expect(await readdir(join(stateOf("/ws"), "reports"))).toHaveLength(20);
  expect(await last()).toBe("R23");
});

it("passes over one that is damaged", async () => {
  await keepReport("/ws", reportAt(1));
  await keepReport("/ws", reportAt(2));
  const folder = join(stateOf("/ws"), "reports");
  const [, newest = ""] = (await readdir(folder)).sort();
  await writeFile(join(folder, newest), "no gzip");
  expect(await last()).toBe("R1");
});
