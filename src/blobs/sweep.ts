/**
 * Thinning out: what nothing names any more goes, and no upload ever loses a blob that it was told is here.
 *
 * In two steps, a day apart. A blob that a sweep finds unnamed is condemned: it is still read, but whoever
 * asks whether it is here is told no and sends it again, and that copy is a new one. Only what is still
 * unnamed in a later sweep, a grace period after, is removed. So somebody who was told "it is here" has the
 * whole period to name it, and nobody is told so afterwards. What is younger than the period is left alone.
 *
 * Packs only grow, so space comes back by whole packs: one in which nothing counts is deleted; one in which
 * less than half counts is copied, entry by entry, to the pack that is being written, and then deleted. The
 * order makes any moment a good one to be killed: copies are durable and indexed before the index forgets
 * the pack, and it forgets it before the file goes. A file that is left over is found by the next sweep.
 */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import type { BlobIndex, IndexedEntry } from "./index-db.ts";
import type { ObjectFiles } from "./objects.ts";
import { encodeLogKey, FILE_HEADER_BYTES } from "./pack-format.ts";
import type { PackFiles } from "./pack-files.ts";
import { indexedEntry, scanPack } from "./pack-scan.ts";
import type { FoundEntry } from "./pack-scan.ts";
import type { PackWriter } from "./pack-writer.ts";

/** What a plan names; see sweep-plan.ts. Packs come last. */
export type SweepLine =
  | { kind: "log"; task_id: string; attempt: number }
  | { kind: "blob"; hash: string; pack: number }
  | { kind: "object"; hash: string }
  | { kind: "pack"; pack: number };

export interface SweepOptions {
  /** Milliseconds since 1970. */
  now: number;
  /** Between being found unnamed and being removed. */
  graceMs: number;
  /** Ends it between two steps. */
  isOver?: () => boolean;
  /** Told before each step; tests end the process there. */
  onStep?: (step: string) => void;
}

export interface SweepReport {
  freed_bytes: number;
  condemned: number;
  removed_objects: number;
  removed_packs: number;
  moved_bytes: number;
  removed_logs: number;
}

export interface SweepParts {
  files: PackFiles;
  index: BlobIndex;
  objects: ObjectFiles;
  writer: PackWriter;
}

const SLICE = 500;
/** An entry has 4 MiB at most. */
const SCAN_BYTES = 16 * 1024 * 1024;

export async function applySweep(
  parts: SweepParts,
  lines: AsyncIterable<SweepLine>,
  options: SweepOptions,
): Promise<SweepReport> {
  return new Sweep(parts, options).run(lines);
}

class Sweep {
  private readonly parts: SweepParts;
  private readonly options: SweepOptions;
  private readonly report: SweepReport = {
    freed_bytes: 0,
    condemned: 0,
    removed_objects: 0,
    removed_packs: 0,
    moved_bytes: 0,
    removed_logs: 0,
  };
  private hashes: string[] = [];
  private objects: string[] = [];

  constructor(parts: SweepParts, options: SweepOptions) {
    [this.parts, this.options] = [parts, options];
  }

  async run(lines: AsyncIterable<SweepLine>): Promise<SweepReport> {
    const { index, writer } = this.parts;
    const { now, graceMs } = this.options;
    const packs: number[] = [];
    let count = 0;
    for await (const line of lines) {
      if (line.kind === "pack") packs.push(line.pack);
      else this.take(line);
      count += 1;
      if (count % SLICE === 0) await this.turn();
      if (this.options.isOver?.() === true) return this.report;
    }
    this.condemnHeld();
    while (index.spareOthers(now, SLICE) > 0) await this.turn();
    for (const hash of this.objects) await this.removeObject(hash);
    writer.endPackOlderThan(now - graceMs);
    for (const pack of packs) {
      if (this.options.isOver?.() === true) break;
      await this.reclaim(pack);
    }
    return this.report;
  }

  private take(line: Exclude<SweepLine, { kind: "pack" }>): void {
    const { index } = this.parts;
    if (line.kind === "log") {
      index.dropLog(encodeLogKey(line, 0));
      this.report.removed_logs += 1;
      return;
    }
    // One that was sent again since the plan was made lies elsewhere, and counts.
    if (line.kind === "blob" && index.blob(line.hash)?.pack !== line.pack) return;
    if (line.kind === "object") this.objects.push(line.hash);
    this.hashes.push(line.hash);
    if (this.hashes.length >= SLICE) this.condemnHeld();
  }

  private condemnHeld(): void {
    this.step("condemn");
    this.parts.index.condemn(this.hashes, { now: this.options.now, sweep: this.options.now });
    this.report.condemned += this.hashes.length;
    this.hashes = [];
  }

  /** Condemned for long enough, and by this sweep too. */
  private mayGo(hash: string): boolean {
    const { now, graceMs } = this.options;
    const found = this.parts.index.condemnedSince(hash);
    return found !== null && found.sweep === now && found.since <= now - graceMs;
  }

  private async removeObject(hash: string): Promise<void> {
    if (!this.mayGo(hash)) return;
    this.step("object");
    const { now, graceMs } = this.options;
    const freed = await this.parts.objects.remove(hash, { madeBefore: now - graceMs });
    if (freed > 0) this.report.removed_objects += 1;
    this.report.freed_bytes += freed;
    this.parts.index.spare(hash);
  }

  private async reclaim(pack: number): Promise<void> {
    const { files, index, writer } = this.parts;
    const { now, graceMs } = this.options;
    const info = await stat(files.pathOf(pack)).catch(() => null);
    if (info === null || info.mtimeMs > now - graceMs || writer.currentNumber() === pack) return;
    const moved = this.report.moved_bytes;
    const entries: IndexedEntry[] = [];
    const isWhole = await this.each(pack, info.size, async (entry) => {
      if (!this.counts(entry)) return;
      await this.move(entry);
    });
    // What is damaged here is left for whoever can mend it.
    if (!isWhole) return;
    let isFree = true;
    await this.each(pack, info.size, async (entry) => {
      if (this.counts(entry)) isFree = false;
      entries.push(entry);
      if (entries.length >= SLICE && isFree) this.forget(entries);
    });
    if (!isFree) return;
    this.forget(entries);
    this.step("forget");
    index.forgetPack(pack);
    this.step("unlink");
    await files.remove(pack);
    this.report.removed_packs += 1;
    this.report.freed_bytes += info.size - (this.report.moved_bytes - moved);
  }

  private forget(entries: IndexedEntry[]): void {
    this.step("forget");
    this.parts.index.forget(entries);
    entries.length = 0;
  }

  private counts(entry: IndexedEntry): boolean {
    if (!this.parts.index.isCurrent(entry)) return false;
    return entry.kind === "log" || !this.mayGo(entry.key.toString("hex"));
  }

  private async move(entry: IndexedEntry): Promise<void> {
    const { files, writer } = this.parts;
    const { pack, offset, headBytes, bodyBytes, sha256 } = entry.place;
    const body = await files.read(pack, offset + headBytes, bodyBytes);
    if (!createHash("sha256").update(body).digest().equals(sha256)) return;
    this.step("move");
    const key = entry.kind === "log" ? entry.key : Buffer.alloc(0);
    await writer.append({ kind: entry.kind, sha256, key, bodyBytes }, body, { pack, offset });
    this.report.moved_bytes += headBytes + bodyBytes;
  }

  /** Every entry of a pack, in slices. @returns false when it holds damaged ones that count */
  private async each(
    pack: number,
    size: number,
    call: (entry: IndexedEntry) => Promise<void>,
  ): Promise<boolean> {
    const { files, index } = this.parts;
    const salt = await files.saltOf(pack);
    if (salt === null) return true;
    let isWhole = true;
    const onDamage = (found: FoundEntry): void => {
      if (index.isCurrent(indexedEntry(found, pack))) isWhole = false;
    };
    for (let from = FILE_HEADER_BYTES; from < size; ) {
      const held: FoundEntry[] = [];
      const scan = (to: number) =>
        files.use(pack, (handle) =>
          scanPack(handle, { size: to, salt, from, onEntry: (found) => void held.push(found), onDamage }),
        );
      let { end } = await scan(Math.min(size, from + SCAN_BYTES));
      // Nothing whole within reach: the next whole entry may be anywhere.
      if (end === from) ({ end } = await scan(size));
      if (end === from) break;
      from = end;
      for (const [at, found] of held.entries()) {
        await call(indexedEntry(found, pack));
        if (at % SLICE === SLICE - 1) await this.turn();
      }
    }
    return isWhole;
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  private step(name: string): void {
    this.options.onStep?.(name);
  }
}
