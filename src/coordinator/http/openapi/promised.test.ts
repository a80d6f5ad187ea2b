/** What clients are promised: the description in docs/reference, which changes only as they can bear. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openYard } from "../yard.testing.ts";
import { breakingChanges, changeName, undeclared, type DeclaredChange } from "./changes.ts";
import type { ApiDocument } from "./document.ts";

const NAME = "docs/reference/openapi.json";
const ROOT = new URL("../../../../", import.meta.url);
const WRITE = "npm run docs";

async function described(): Promise<ApiDocument> {
  const yard = await openYard();
  try {
    return (await yard.app.inject("/openapi.json")).json<ApiDocument>();
  } finally {
    await yard.close();
  }
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, ROOT), "utf8")) as T;
}

/** Every description that was ever committed. Without git (an unpacked tarball) there is no history. */
function earlier(): ApiDocument[] {
  const git = (...args: string[]) =>
    execFileSync("git", args, {
      cwd: ROOT,
      encoding: "utf8",
      maxBuffer: 1e8,
      stdio: ["ignore", "pipe", "ignore"],
    });
  try {
    const commits = git("log", "--format=%H", "--diff-filter=AM", "--", NAME).split("\n").filter(Boolean);
    return commits.map((commit) => JSON.parse(git("show", `${commit}:${NAME}`)) as ApiDocument);
  } catch {
    return [];
  }
}

test(`${NAME} is what the coordinator says of itself; if it is not: ${WRITE}`, async () => {
  const now = await described();
  const written = readJson<ApiDocument>(NAME);
  expect({ ...now, info: written.info }).toEqual(written);
});

test("no client breaks without a declaration in docs/reference/breaking-changes.json", async () => {
  const now = await described();
  const declared = readJson<DeclaredChange[]>("docs/reference/breaking-changes.json");
  const broken = [readJson<ApiDocument>(NAME), ...earlier()].flatMap((before) =>
    undeclared(breakingChanges(before, now), declared),
  );
  expect([...new Set(broken.map((change) => `${changeName(change)}: ${change.detail}`))]).toEqual([]);
  for (const { change, version, reason } of declared) {
    expect(change).toMatch(/^\w+ \S/);
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(reason.length).toBeGreaterThan(10);
  }
});
