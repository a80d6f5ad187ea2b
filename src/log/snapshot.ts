/**
 * Snapshots: the state at one position, so that a start folds the tail of the log and not all of it.
 *
 * A file of JSON lines: a head with the record it stands at, the lines of the state, an end with their count
 * and hash. It gets its name only when it is whole and on disk. A snapshot is a shortcut, never the truth:
 * one that is damaged is passed over with a warning and the older one does, at the price of a longer tail;
 * hence two are kept.
 */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readSync } from "node:fs";
import { renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createState, restoreState, saveState } from "../core/index.ts";
import type { SnapshotLine, State } from "../core/index.ts";
import { silentLogger, type Logger } from "../ports/index.ts";
import { LogCorrupt, LogNewer, LogRewound } from "./errors.ts";
import type { EventLog, Tip } from "./event-log.ts";
import { flushDirectory } from "./files.ts";
import { foldLog, GENESIS } from "./fold.ts";

type Line = { kind: "snapshot"; format: number; tip: Tip } | SnapshotLine | End;

interface End {
  kind: "end";
  lines: number;
  sha256: string;
}

export interface Snapshot {
  state: State;
  /** The last record in it. */
  tip: Tip;
}

const FORMAT = 1;
const KEPT = 2;
/** Left by a process that was ended while it wrote; there is one writer at a time. */
const UNFINISHED = /^snapshot-.*\.tmp$/;
const NAME = /^snapshot-\d{16}\.jsonl$/;
const CHUNK_BYTES = 1024 * 1024;

/** Durable when it returns; of the older ones one stays. One writer at a time. @returns the path */
export function writeSnapshot(dir: string, { state, tip }: Snapshot): string {
  mkdirSync(dir, { recursive: true });
  for (const name of readdirSync(dir)) if (UNFINISHED.test(name)) rmSync(join(dir, name), { force: true });
  const path = join(dir, `snapshot-${String(tip.position).padStart(16, "0")}.jsonl`);
  const unfinished = `${path}.${process.pid}.tmp`;
  const file = openSync(unfinished, "w", 0o600);
  try {
    writeLines(file, linesOf({ state, tip }));
    fsyncSync(file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  flushDirectory(dir);
  for (const name of names(dir).slice(KEPT)) rmSync(join(dir, name), { force: true });
  return path;
}

function* linesOf({ state, tip }: Snapshot): Generator<Line> {
  yield { kind: "snapshot", format: FORMAT, tip };
  yield* saveState(state);
}

function writeLines(file: number, lines: Iterable<Line>): void {
  const hash = createHash("sha256");
  let count = 0;
  let text = "";
  for (const line of lines) {
    text += `${JSON.stringify(line)}\n`;
    count += 1;
    if (text.length < CHUNK_BYTES) continue;
    hash.update(text);
    writeAll(file, text);
    text = "";
  }
  hash.update(text);
  const end: End = { kind: "end", lines: count, sha256: hash.digest("hex") };
  writeAll(file, `${text}${JSON.stringify(end)}\n`);
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Newest first. */
function names(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => NAME.test(name))
      .sort()
      .reverse();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The newest whole snapshot, or null. */
export function readLatestSnapshot(dir: string, logger: Logger = silentLogger): Snapshot | null {
  for (const name of names(dir)) {
    try {
      return readSnapshot(join(dir, name));
    } catch (error) {
      logger.warn("a snapshot is passed over", { file: join(dir, name), reason: (error as Error).message });
    }
  }
  return null;
}

function readSnapshot(path: string): Snapshot {
  const file = openSync(path, "r");
  try {
    return restore(checkedLines(file));
  } finally {
    closeSync(file);
  }
}

function restore(lines: Generator<Line>): Snapshot {
  let tip: Tip | undefined;
  const ofState = function* (): Generator<SnapshotLine> {
    for (const line of lines) {
      if (line.kind === "snapshot") tip = line.tip;
      else if (line.kind !== "end") yield line;
    }
  };
  const state = restoreState(ofState());
  if (tip === undefined) throw new LogCorrupt(0, "it has no head");
  if (tip.position !== state.position) throw new LogCorrupt(0, "its head and its state disagree");
  return { state, tip };
}

/** All lines but the end. What was restored from them counts only when this has run out without an error. */
function* checkedLines(file: number): Generator<Line> {
  const hash = createHash("sha256");
  let count = 0;
  let end: End | undefined;
  for (const text of textLines(file)) {
    if (end !== undefined) throw new LogCorrupt(0, "something follows its end");
    const line = JSON.parse(text) as Line;
    if (line.kind === "end") {
      end = line;
      continue;
    }
    if (line.kind === "snapshot" && line.format !== FORMAT) throw new LogNewer(0, `format ${line.format}`);
    hash.update(`${text}\n`);
    count += 1;
    yield line;
  }
  if (end?.lines !== count || end.sha256 !== hash.digest("hex")) {
    throw new LogCorrupt(0, "it is damaged or not complete");
  }
}

function* textLines(file: number): Generator<string> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let rest = Buffer.alloc(0);
  for (let size = readSync(file, chunk); size > 0; size = readSync(file, chunk)) {
    rest = Buffer.concat([rest, chunk.subarray(0, size)]);
    let start = 0;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      yield rest.toString("utf8", start, end);
      start = end + 1;
    }
    rest = rest.subarray(start);
  }
  if (rest.length > 0) yield rest.toString("utf8");
}

export interface LoadOptions {
  log: EventLog;
  snapshotDir: string;
  logger?: Logger;
}

/**
 * The state at the tip: the newest snapshot and what the log holds after it.
 *
 * Rejects with `log_truncated` when the log no longer reaches back to the newest whole snapshot, and with
 * `log_rewound` when it ends before it.
 */
export async function loadState({ log, snapshotDir, logger }: LoadOptions): Promise<Snapshot> {
  const snapshot = readLatestSnapshot(snapshotDir, logger) ?? { state: createState(), tip: GENESIS };
  const tip = await log.tip();
  const isOther = tip.position === snapshot.tip.position && tip.hash !== snapshot.tip.hash;
  if (tip.position < snapshot.tip.position || isOther)
    throw new LogRewound(snapshot.tip.position, tip.position);
  return { state: snapshot.state, tip: await foldLog(log, snapshot.state, { after: snapshot.tip }) };
}
