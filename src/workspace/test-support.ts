/** Real trees in temporary folders and a blob holder in memory, for the tests of this folder. */
import { randomUUID } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BlobFetcher } from "./fetch.ts";
import { hashOf } from "./manifest.ts";
import type { BlobTransport } from "./upload.ts";

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), `testyard-workspace-${randomUUID().slice(0, 8)}-`));
}

/** A node is text, an executable, a link, or an empty directory. */
export type Node = string | { exec: string } | { link: string } | { dir: true };

export function makeTree(root: string, tree: Record<string, Node>): void {
  mkdirSync(root, { recursive: true });
  for (const [path, node] of Object.entries(tree)) {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    if (typeof node === "string") writeFileSync(full, node);
    else if ("link" in node) symlinkSync(node.link, full);
    else if ("dir" in node) mkdirSync(full);
    else {
      writeFileSync(full, node.exec);
      chmodSync(full, 0o755);
    }
  }
}

/** What lies below `root`, in the words of `makeTree`, whatever links point to. */
export function readTree(root: string, at = ""): Record<string, Node> {
  const out: Record<string, Node> = {};
  const names = readdirSync(join(root, at));
  if (names.length === 0 && at !== "") out[at] = { dir: true };
  for (const name of names) {
    const path = at === "" ? name : `${at}/${name}`;
    const full = join(root, path);
    const stat = lstatSync(full);
    if (stat.isSymbolicLink()) out[path] = { link: readlinkSync(full) };
    else if (stat.isDirectory()) Object.assign(out, readTree(root, path));
    else if ((stat.mode & 0o111) !== 0) out[path] = { exec: readFileSync(full, "utf8") };
    else out[path] = readFileSync(full, "utf8");
  }
  return out;
}

/** Holds blobs as a coordinator would, counts what travels, and can damage what it delivers. */
export class Holder implements BlobTransport, BlobFetcher {
  readonly blobs = new Map<string, Uint8Array>();
  readonly questions: number[] = [];
  readonly batches: { count: number; bytes: number }[] = [];
  singles = 0;
  readonly delivered: string[] = [];
  /** How many deliveries of each hash are damaged, from now on. */
  readonly damage = new Map<string, number>();
  /** When set, deliveries wait for it. */
  hold: Promise<void> | null = null;

  async missing(hashes: string[]): Promise<string[]> {
    this.questions.push(hashes.length);
    return hashes.filter((hash) => !this.blobs.has(hash));
  }

  async putBatch(items: { sha256: string; bytes: Uint8Array }[]): Promise<void> {
    const bytes = items.reduce((sum, item) => sum + item.bytes.length, 0);
    this.batches.push({ count: items.length, bytes });
    for (const item of items) this.keep(item.sha256, item.bytes);
  }

  async putFile(sha256: string, path: string): Promise<void> {
    this.singles += 1;
    this.keep(sha256, await readFile(path));
  }

  private keep(sha256: string, bytes: Uint8Array): void {
    if (hashOf(bytes) !== sha256)
      throw Object.assign(new Error("hash mismatch"), { code: "blob_hash_mismatch" });
    this.blobs.set(sha256, bytes);
  }

  async *fetchMany(hashes: string[]): AsyncGenerator<{ sha256: string; bytes: Uint8Array }> {
    await this.hold;
    for (const sha256 of hashes) {
      const bytes = this.deliver(sha256);
      if (bytes !== undefined) yield { sha256, bytes };
    }
  }

  async fetchToFile(sha256: string, path: string): Promise<void> {
    await this.hold;
    const bytes = this.deliver(sha256);
    if (bytes === undefined) throw Object.assign(new Error("no such blob"), { code: "blob_missing" });
    await writeFile(path, bytes);
  }

  private deliver(sha256: string): Uint8Array | undefined {
    const bytes = this.blobs.get(sha256);
    if (bytes === undefined) return undefined;
    this.delivered.push(sha256);
    const left = this.damage.get(sha256) ?? 0;
    if (left === 0) return bytes;
    this.damage.set(sha256, left - 1);
    return Buffer.concat([bytes, Buffer.from("rot")]);
  }
}
