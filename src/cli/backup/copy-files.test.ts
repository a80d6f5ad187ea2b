import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { copyIfThere } from "./copy-files.ts";

test("a pack that is thinned out before it is copied does not spoil the backup", async () => {
  const dir = mkdtempSync(join(tmpdir(), "testyard-copy-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [from, to] = [join(dir, "from"), join(dir, "to")];
  for (const each of [from, to]) mkdirSync(each);
  writeFileSync(join(from, "2.pack"), "kept");
  expect(await copyIfThere(from, to, "1.pack")).toBeNull();
  expect(await copyIfThere(from, to, "2.pack")).toMatchObject({ path: "2.pack", size_bytes: 4 });
  expect(readdirSync(to)).toEqual(["2.pack"]);
  await expect(copyIfThere(from, to, "2.pack")).rejects.toThrow("EEXIST");
});
