import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ArtifactView } from "../../protocol/index.ts";
import { downloadArtifacts } from "./download.ts";

const sha = (text: string) => createHash("sha256").update(text).digest("hex");

function item(path: string, text: string): ArtifactView {
  const shared = { task_id: "T", attempt: 1, is_final: true, is_kept: true };
  return { ...shared, path, sha256: sha(text), size_bytes: text.length };
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "testyard-download-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, "out");
}

/** Answers with these texts, one after the other, the last for ever. */
function answering(...texts: string[]) {
  return {
    async *artifact() {
      yield Buffer.from((texts.length > 1 ? texts.shift() : texts[0]) ?? "");
    },
  };
}

test("lie under their attempt, whole, with nothing beside them", async () => {
  const dir = folder();
  const { files } = await downloadArtifacts(answering("a"), [item("x/y.png", "a")], { dir });
  expect(files).toMatchObject([{ file: join(dir, "attempt-1/x/y.png") }]);
  expect(readFileSync(join(dir, "attempt-1/x/y.png"), "utf8")).toBe("a");
  expect(readdirSync(join(dir, "attempt-1/x"))).toEqual(["y.png"]);
});

test.each(["../up", "/etc/passwd", "a/../../up", "a\\..\\up", "C:/x", "a//b", "a/./b", "nul\0"])(
  "with the path %j are left out",
  async (path) => {
    const dir = folder();
    const { files, skipped } = await downloadArtifacts(answering("a"), [item(path, "a")], { dir });
    expect([files.length, skipped.length]).toEqual([0, 1]);
    expect(existsSync(join(dir, "../up"))).toBe(false);
  },
);

test("never go through a link that lies in the way", async () => {
  const dir = folder();
  mkdirSync(join(dir, "attempt-1"), { recursive: true });
  mkdirSync(join(dir, "../elsewhere"));
  symlinkSync("../../elsewhere", join(dir, "attempt-1/x"));
  const { skipped } = await downloadArtifacts(answering("a"), [item("x/y", "a")], { dir });
  expect(skipped).toHaveLength(1);
  expect(readdirSync(join(dir, "../elsewhere"))).toEqual([]);
});

test("that arrive damaged are fetched again, and never get their name", async () => {
  const dir = folder();
  await downloadArtifacts(answering("bad", "a"), [item("y", "a")], { dir });
  expect(readFileSync(join(dir, "attempt-1/y"), "utf8")).toBe("a");
  await expect(downloadArtifacts(answering("bad"), [item("z", "a")], { dir })).rejects.toThrow("damaged");
  expect(readdirSync(join(dir, "attempt-1"))).toEqual(["y"]);
});
