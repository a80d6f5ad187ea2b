import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { claimWorkDir, WorkDirInUse } from "./work-dir.ts";

let dir = "";
const host = {
  stateDir: "",
  startTimeOf: (pid: number) => (pid === process.pid || pid === 77 ? `start of ${pid}` : null),
};
const claimedBy = (pid: number, started: string) =>
  writeFileSync(join(dir, "owner.json"), JSON.stringify({ pid, pid_started: started }));

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "testyard-work-"));
  host.stateDir = dir;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it("refuses a folder in which a worker lives", () => {
  claimedBy(77, "start of 77");
  expect(() => claimWorkDir(dir, host)).toThrow(WorkDirInUse);
});

it.each([
  ["is gone", 78, "start of 78"],
  ["is another one with the same pid", 77, "an earlier start"],
])("takes over a folder whose process %s", (_title, pid, started) => {
  claimedBy(pid, started);
  const claim = claimWorkDir(dir, host);
  claim.release();
  expect(claimWorkDir(dir, host).path).toBe(dir);
});

it("takes over a folder whose claim is damaged", () => {
  writeFileSync(join(dir, "owner.json"), "{");
  expect(claimWorkDir(dir, host).path).toBe(dir);
});

it("remembers the worker's id", () => {
  const first = claimWorkDir(dir, host).rememberedId(() => "host-1");
  expect([first, claimWorkDir(dir, host).rememberedId(() => "host-2")]).toEqual(["host-1", "host-1"]);
});

it("gives each worker of a user that names no folder one of its own", () => {
  const first = claimWorkDir(undefined, host);
  writeFileSync(first.join("owner.json"), JSON.stringify({ pid: 77, pid_started: "start of 77" }));
  expect(claimWorkDir(undefined, host).path).not.toBe(first.path);
});
