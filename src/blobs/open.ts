/**
 * Brings index and packs to agreement, at start and when another process may have written packs of its own.
 */
import type { FileHandle } from "node:fs/promises";
import type { DiskIo } from "./disk.ts";
import { BlobIndex } from "./index-db.ts";
import type { IndexedEntry, PackCursor } from "./index-db.ts";
import { FILE_HEADER_BYTES } from "./pack-format.ts";
import type { PackFiles } from "./pack-files.ts";
import { indexedEntry, scanPack } from "./pack-scan.ts";
import type { FoundEntry } from "./pack-scan.ts";

const ENTRIES_PER_COMMIT = 2000;

export interface ScanReport {
  /** Packs that had bytes the index did not know. */
  scannedPacks: number;
  skippedBytes: number;
  droppedChunks: number;
}

/** Opens the index; one that remembers other packs than those on disk is thrown away. */
export async function openIndex(
  dir: string,
  files: PackFiles,
): Promise<{ index: BlobIndex; fresh: boolean }> {
  const opened = BlobIndex.open(dir);
  if (opened.fresh || (await agrees(opened.index, files))) return opened;
  await opened.index.close();
  return { index: BlobIndex.recreate(dir), fresh: true };
}

async function agrees(index: BlobIndex, files: PackFiles): Promise<boolean> {
  const present = new Set(await files.list());
  for (const [pack, cursor] of index.cursors()) {
    if (!present.has(pack)) return false;
    const salt = await files.saltOf(pack);
    const { size } = await files.use(pack, (handle) => handle.stat());
    if (salt === null || !salt.equals(cursor.salt) || size < cursor.end) return false;
  }
  return true;
}

/** Indexes what the packs hold beyond the index. What it finds is flushed first: found is not yet durable. */
export async function indexNewEntries(
  index: BlobIndex,
  options: { files: PackFiles; io: DiskIo; except: number | null },
): Promise<ScanReport> {
  const cursors = index.cursors();
  const report: ScanReport = { scannedPacks: 0, skippedBytes: 0, droppedChunks: 0 };
  for (const pack of await options.files.list()) {
    if (pack === options.except) continue;
    const salt = cursors.get(pack)?.salt ?? (await options.files.saltOf(pack));
    if (salt === null) continue;
    const cursor = { salt, end: cursors.get(pack)?.end ?? FILE_HEADER_BYTES };
    await options.files.use(pack, async (handle) => {
      const skipped = await indexPack(index, { handle, pack, cursor, io: options.io });
      if (skipped !== null) report.scannedPacks += 1;
      report.skippedBytes += skipped ?? 0;
    });
  }
  report.droppedChunks = index.settle();
  return report;
}

async function indexPack(
  index: BlobIndex,
  options: { handle: FileHandle; pack: number; cursor: PackCursor; io: DiskIo },
): Promise<number | null> {
  const { handle, pack, cursor } = options;
  const { size } = await handle.stat();
  if (size <= cursor.end) return null;
  await options.io.sync(handle);
  let batch: IndexedEntry[] = [];
  const onEntry = (entry: FoundEntry): void => {
    batch.push(indexedEntry(entry, pack));
    if (batch.length < ENTRIES_PER_COMMIT) return;
    index.commit(batch, pack, {
      salt: cursor.salt,
      end: entry.offset + entry.headBytes + entry.head.bodyBytes,
    });
    batch = [];
  };
  const outcome = await scanPack(handle, { size, salt: cursor.salt, from: cursor.end, onEntry });
  index.commit(batch, pack, { salt: cursor.salt, end: outcome.end });
  return outcome.skippedBytes;
}
