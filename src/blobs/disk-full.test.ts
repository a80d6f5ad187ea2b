import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBlobStore } from "./index.ts";
import type { BlobStore } from "./index.ts";

let base = "";
let small = "";
let mounted = false;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "testyard-disk-full-"));
  small = join(base, "small");
  mkdirSync(small);
  mounted = mount();
  if (!mounted) console.warn("SKIP full disk: a small tmpfs cannot be mounted here");
});

function mount(): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", small], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

afterAll(() => {
  if (mounted) execFileSync("umount", [small]);
  rmSync(base, { recursive: true, force: true });
});

async function fill(
  store: BlobStore,
  blobBytes: number,
): Promise<{ acked: string[]; refused: Set<unknown> }> {
  const acked: string[] = [];
  const refused = new Set<unknown>();
  for (let round = 0; round < 200 && refused.size === 0; round += 1) {
    const puts = Array.from({ length: 200 }, () => store.put(randomBytes(blobBytes)));
    for (const outcome of await Promise.allSettled(puts)) {
      if (outcome.status === "fulfilled") acked.push(outcome.value);
      else refused.add((outcome.reason as { code?: unknown }).code);
    }
  }
  return { acked, refused };
}

describe("a disk that is really full", () => {
  it.for<[string, number]>([
    ["packs", 2_000],
    ["index", 10],
  ])(
    "is answered with disk_full when the %s run out of room, and costs nothing acknowledged",
    async ([part, size], context) => {
      context.skip(!mounted, "a small tmpfs cannot be mounted here");
      const home = join(part === "packs" ? small : base, `store-${part}`);
      const indexDir = join(part === "index" ? small : base, `index-${part}`);
      const ballast = join(small, "ballast");
      writeFileSync(ballast, Buffer.alloc(part === "index" ? 4_500_000 : 1_000_000));
      const store = await openBlobStore({ dir: home, indexDir });
      const { acked, refused } = await fill(store, size);
      expect([...refused]).toEqual(["disk_full"]);
      expect(acked.length).toBeGreaterThan(0);
      for (const hash of acked) await store.get(hash);
      rmSync(ballast);
      const later = await store.put(randomBytes(size));
      expect(readdirSync(join(home, "packs"))).toHaveLength(1);
      await store.close();
      const again = await openBlobStore({ dir: home, indexDir });
      expect(again.missing([...acked, later])).toEqual([]);
      await again.close();
      rmSync(home, { recursive: true });
      rmSync(indexDir, { recursive: true });
    },
  );
});
