/**
 * The store as another process sees it: read beside the coordinator that owns it, without changing anything.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { realDisk } from "./disk.ts";
import { BlobIndex } from "./index-db.ts";
import { ObjectFiles } from "./objects.ts";
import { decodeStream } from "./pack-format.ts";
import type { LogKey } from "./pack-format.ts";
import { PackFiles } from "./pack-files.ts";
import type { SweepLine } from "./sweep.ts";

export interface BlobReader {
  /** null when it is not here, or damaged. */
  get(hash: string): Promise<Uint8Array | null>;
  /** What a sweep would have to do, for one that knows what is named. */
  plan(options: PlanOptions): AsyncGenerator<SweepLine>;
  close(): Promise<void>;
}

export interface PlanOptions {
  /** Whether anything names this blob. */
  isNamed: (hash: string) => boolean;
  /** Whether the logs of this task are kept. */
  isKept: (key: LogKey) => boolean;
  /** Milliseconds since 1970. */
  now: number;
  graceMs: number;
}

/** A pack below this is copied and deleted; one that is half full would be copied for little. */
const WORTH_KEEPING = 0.5;

/** @throws when there is no store */
export function openBlobReader(dir: string): BlobReader {
  const index = BlobIndex.openReadOnly(join(dir, "index"));
  const files = new PackFiles(join(dir, "packs"), realDisk);
  const objects = new ObjectFiles(dir, realDisk);
  return {
    async get(hash) {
      const place = index.blob(hash);
      const bytes = await (place === null
        ? readFile(objects.pathOf(hash))
        : files.read(place.pack, place.offset + place.headBytes, place.bodyBytes)
      ).catch(() => null);
      if (bytes === null) return null;
      return createHash("sha256").update(bytes).digest("hex") === hash ? bytes : null;
    },
    plan: (options) => plan({ index, files, objects }, options),
    async close() {
      await files.close();
      await index.close();
    },
  };
}

interface Parts {
  index: BlobIndex;
  files: PackFiles;
  objects: ObjectFiles;
}

async function* plan({ index, files, objects }: Parts, options: PlanOptions): AsyncGenerator<SweepLine> {
  const { isNamed, isKept, now, graceMs } = options;
  const oldest = now - graceMs;
  const packs = await oldPacks(files, oldest);
  const counting = new Map<number, number>();
  const count = (pack: number, bytes: number) => counting.set(pack, (counting.get(pack) ?? 0) + bytes);
  let dropped: Buffer | null = null;
  for (const { stream, place } of index.allChunks()) {
    const key = decodeStream(stream);
    if (isKept(key)) count(place.pack, place.headBytes + place.bodyBytes);
    else if (dropped === null || !dropped.equals(stream)) {
      dropped = stream;
      yield { kind: "log", ...key };
    }
  }
  for (const { hash, place } of index.allBlobs()) {
    const isDead = !isNamed(hash) && packs.has(place.pack);
    if (isDead) yield { kind: "blob", hash, pack: place.pack };
    // It goes, if it does, a grace period after it was first found unnamed.
    const since = isDead ? index.condemnedSince(hash)?.since : undefined;
    if (since === undefined || since > oldest) count(place.pack, place.headBytes + place.bodyBytes);
  }
  for await (const { hash, madeAt } of objects.all()) {
    if (madeAt <= oldest && !isNamed(hash)) yield { kind: "object", hash };
  }
  for (const [pack, size] of packs) {
    if ((counting.get(pack) ?? 0) < size * WORTH_KEEPING) yield { kind: "pack", pack };
  }
}

/** Those that nobody has written to for so long, with their sizes. */
async function oldPacks(files: PackFiles, oldest: number): Promise<Map<number, number>> {
  const sizes = new Map<number, number>();
  for (const pack of await files.list()) {
    const info = await stat(files.pathOf(pack)).catch(() => null);
    if (info !== null && info.mtimeMs <= oldest) sizes.set(pack, info.size);
  }
  return sizes;
}
