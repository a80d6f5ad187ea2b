import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWorkspaceCache, scanWorkspace, uploadWorkspace } from "./index.ts";
import { Holder, makeTree, readTree, temporaryFolder } from "./test-support.ts";
import type { Node } from "./test-support.ts";

let base = "";
let small = "";
let mounted = false;

beforeAll(async () => {
  base = await temporaryFolder();
  small = join(base, "small");
  mkdirSync(small);
  mounted = mount();
  if (!mounted) console.warn("SKIP full disk: a small tmpfs cannot be mounted here");
});

function mount(): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", small], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

afterAll(() => {
  if (mounted) execFileSync("umount", [small]);
  rmSync(base, { recursive: true, force: true });
});

const treeOf = (name: string, files: number): Record<string, Node> =>
  Object.fromEntries(Array.from({ length: files }, (_, i) => [`${name}${i}`, `${name}${i}`.repeat(100_000)]));

describe("a worker's disk that is really full", () => {
  it("costs idle trees first, then is answered with disk_full; trees in use stay", async (context) => {
    context.skip(!mounted, "a small tmpfs cannot be mounted here");
    const holder = new Holder();
    const upload = async (tree: Record<string, Node>): Promise<string> => {
      const root = join(base, `source-${Object.keys(tree)[0]}`);
      makeTree(root, tree);
      const scan = await scanWorkspace({ root });
      await uploadWorkspace({ scan, root, transport: holder });
      return scan.treeHash;
    };
    // Files of some 200 kB on a disk of 4 MiB; the limit knows nothing of the disk.
    const cache = await openWorkspaceCache({
      dir: join(small, "cache"),
      limitBytes: 1e9,
      now: () => 0,
      linkMethod: "hardlink",
    });
    const prepare = (treeHash: string, slot: number) =>
      cache.prepare({ treeHash, slot, scope: "run", fetcher: holder });
    const old = await prepare(await upload(treeOf("a", 10)), 0);
    old.release();
    const next = await prepare(await upload(treeOf("b", 15)), 1);
    expect(existsSync(old.dir)).toBe(false);
    expect(readTree(next.dir)).toEqual(treeOf("b", 15));
    const huge = prepare(await upload(treeOf("c", 9)), 2);
    await expect(huge).rejects.toMatchObject({ code: "disk_full" });
    expect(readTree(next.dir)).toEqual(treeOf("b", 15));
    next.release();
    expect(readTree((await prepare(await upload(treeOf("d", 9)), 2)).dir)).toEqual(treeOf("d", 9));
    await cache.close();
  });
});
