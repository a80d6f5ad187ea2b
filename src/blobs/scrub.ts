/**
 * Reads every byte of the store and says what is not what it should be. It changes nothing and may run beside
 * the coordinator: what is being written meanwhile is at the end of a pack, where half an entry is no damage.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { realDisk } from "./disk.ts";
import { ObjectFiles } from "./objects.ts";
import { decodeStream, FILE_HEADER_BYTES, splitLogKey } from "./pack-format.ts";
import type { LogKey } from "./pack-format.ts";
import { PackFiles } from "./pack-files.ts";
import { scanPack } from "./pack-scan.ts";
import type { FoundEntry } from "./pack-scan.ts";

export interface ScrubReport {
  /** Whole blobs, each once. */
  blobs: number;
  bytes: number;
  /** Blobs of which no whole copy is left, and where the damaged one lies. */
  damaged: { hash: string; where: string }[];
  /** Logs with a damaged piece, of which no whole copy is left. */
  damaged_logs: (LogKey & { offset: number; where: string })[];
  /** Bytes in packs that are part of nothing whole, with damage or not. */
  skipped_bytes: number;
}

export interface Scrubbed {
  report: ScrubReport;
  /** Whether there is a whole copy of a blob. */
  has: (hash: string) => boolean;
}

interface Found {
  whole: Set<string>;
  wholeChunks: Set<string>;
  damaged: Map<string, string>;
  damagedChunks: Map<string, { key: Buffer; where: string }>;
  bytes: number;
  skipped: number;
}

export async function scrubBlobs(dir: string): Promise<Scrubbed> {
  const found: Found = {
    whole: new Set(),
    wholeChunks: new Set(),
    damaged: new Map(),
    damagedChunks: new Map(),
    bytes: 0,
    skipped: 0,
  };
  if (existsSync(join(dir, "packs"))) await scrubPacks(new PackFiles(join(dir, "packs"), realDisk), found);
  for await (const { hash, path } of new ObjectFiles(dir, realDisk).all())
    await scrubObject(found, hash, path);
  const damaged = [...found.damaged].filter(([hash]) => !found.whole.has(bytesOf(hash)));
  const chunks = [...found.damagedChunks].filter(([key]) => !found.wholeChunks.has(key));
  const report: ScrubReport = {
    blobs: found.whole.size,
    bytes: found.bytes,
    damaged: damaged.map(([hash, where]) => ({ hash, where })),
    damaged_logs: chunks.map(([, { key, where }]) => {
      const { stream, offset } = splitLogKey(key);
      return { ...decodeStream(stream), offset, where };
    }),
    skipped_bytes: found.skipped,
  };
  return { report, has: (hash) => found.whole.has(bytesOf(hash)) };
}

async function scrubPacks(files: PackFiles, found: Found): Promise<void> {
  for (const pack of await files.list()) {
    const salt = await files.saltOf(pack).catch(() => null);
    // Born this moment, or gone since it was listed.
    if (salt === null) continue;
    await files.use(pack, async (handle) => {
      const { size } = await handle.stat();
      const outcome = await scanPack(handle, {
        size,
        salt,
        from: FILE_HEADER_BYTES,
        onEntry: (entry) => takeWhole(found, entry),
        onDamage: (entry) => takeDamaged(found, entry, `pack ${pack} at ${entry.offset}`),
      });
      found.skipped += outcome.skippedBytes;
    });
  }
  await files.close();
}

function takeWhole(found: Found, { head }: FoundEntry): void {
  found.bytes += head.bodyBytes;
  if (head.kind === "blob") found.whole.add(head.sha256.toString("latin1"));
  else found.wholeChunks.add(head.key.toString("latin1"));
}

function takeDamaged(found: Found, { head }: FoundEntry, where: string): void {
  if (head.kind === "blob") found.damaged.set(head.sha256.toString("hex"), where);
  else found.damagedChunks.set(head.key.toString("latin1"), { key: head.key, where });
}

async function scrubObject(found: Found, hash: string, path: string): Promise<void> {
  const digest = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) {
      digest.update(chunk as Buffer);
      found.bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    if (!existsSync(path)) return;
    found.damaged.set(hash, `its own file: ${String(error)}`);
    return;
  }
  if (digest.digest("hex") === hash) found.whole.add(bytesOf(hash));
  else found.damaged.set(hash, "its own file");
}

function bytesOf(hash: string): string {
  return Buffer.from(hash, "hex").toString("latin1");
}
