import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { hashFile } from "./hash-file.ts";

test("a pipe that has come in the place of a file holds nobody up", async () => {
  const dir = mkdtempSync(join(tmpdir(), "testyard-hash-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  execFileSync("mkfifo", [join(dir, "pipe")]);
  expect(await hashFile(join(dir, "pipe"))).toMatchObject({ size: 0 });
});
