/**
 * The log as SQL sees it: records in, rows out, and the watermark moves with them in one transaction. Killed
 * at any moment, the file holds exactly the rows of the records up to its watermark.
 *
 * A transaction that fails leaves a projection that has already moved on in memory, so it refuses all further
 * work: whoever owns it opens the file anew and goes on from the watermark.
 */
import type { AttemptFinished, Event } from "../core/index.ts";
import type { LogRecord, Tip } from "../log/index.ts";
import { type Appenders, createAppenders } from "./appenders.ts";
import { type Database, UPDATE_WATERMARK } from "./database.ts";
import { addDocument, type FoundDocument } from "./document-rows.ts";
import { createEventRows, type EventRows, type Moment } from "./event-rows.ts";
import { messageOf } from "./errors.ts";

/** The bytes of a blob; null when the store does not hold it. */
export type ReadBlob = (hash: string) => Promise<Uint8Array | null>;

export interface ProjectedRecord {
  readonly hash: string;
  readonly record: LogRecord;
}

export interface Projection {
  /** The last record whose rows are committed. */
  readonly watermark: Tip;
  /** The first record to read: at most watermark + 1. Records up to the watermark go to `recall`. */
  readonly resumeFrom: number;
  /** Takes up the submissions that were open at the watermark. */
  recall(record: LogRecord): void;
  /** One transaction over all of them, drawn one by one. They follow the watermark without a gap. */
  apply(records: Iterable<ProjectedRecord> | AsyncIterable<ProjectedRecord>): Promise<void>;
  close(): void;
}

/** What the appenders may hold before it goes to the transaction; a flush costs the same for few rows. */
const HELD_BYTES = 16 * 1024 * 1024;
const KNOWN_RUNS = 10_000;
/** A larger document would have to be held whole, several times over. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

interface Parts {
  readonly db: Database;
  readonly readBlob: ReadBlob;
  readonly rows: EventRows;
  readonly appenders: Appenders;
  /** Run to project, the most recently used ones. */
  readonly projects: Map<string, string | null>;
}

export async function createProjection(options: { db: Database; readBlob: ReadBlob }): Promise<Projection> {
  const { db, readBlob } = options;
  const appenders = await createAppenders(db.writer);
  const parts: Parts = { db, readBlob, rows: createEventRows(), appenders, projects: new Map() };
  const { watermark_position: position, watermark_hash: hash, watermark_epoch: epoch, resume_from } = db.meta;
  let watermark: Tip = { position, hash, epoch };
  let failed: Error | null = null;
  return {
    get watermark() {
      return watermark;
    },
    resumeFrom: resume_from,
    recall(record) {
      for (const event of record.events) parts.rows.recall(event, record);
    },
    async apply(records) {
      if (failed !== null) throw failed;
      try {
        watermark = await applyInTransaction(parts, records, watermark);
      } catch (error) {
        failed = error instanceof Error ? error : new Error(String(error), { cause: error });
        // In this order: after the rollback, what an appender still holds would commit by itself.
        appenders.discard();
        await db.writer.run("ROLLBACK").catch(() => {});
        throw failed;
      }
    },
    close: () => appenders.close(),
  };
}

async function applyInTransaction(
  parts: Parts,
  records: Iterable<ProjectedRecord> | AsyncIterable<ProjectedRecord>,
  before: Tip,
): Promise<Tip> {
  const { writer } = parts.db;
  let tip = before;
  await writer.run("BEGIN");
  for await (const { record, hash } of records) {
    if (record.position !== tip.position + 1)
      throw new Error(`record ${record.position} follows ${tip.position}`);
    for (const event of record.events) {
      applyEvent(parts, event, record);
      if (event.type === "AttemptFinished") await applyDocument(parts, event, record);
    }
    if (parts.appenders.heldBytes >= HELD_BYTES) parts.appenders.flush();
    tip = { position: record.position, hash, epoch: record.epoch };
  }
  parts.appenders.flush();
  const resumeFrom = parts.rows.oldestOpen() ?? tip.position + 1;
  await writer.run(UPDATE_WATERMARK, [String(tip.position), tip.hash, String(tip.epoch), String(resumeFrom)]);
  await writer.run("COMMIT");
  return tip;
}

function applyEvent({ rows, appenders, projects }: Parts, event: Event, moment: Moment): void {
  rows.apply(event, moment, appenders);
  if (event.type === "RunOpened") rememberProject(projects, event.run_id, event.project);
}

async function applyDocument(parts: Parts, event: AttemptFinished, moment: Moment): Promise<void> {
  const { document } = event.result;
  if (document === null) return;
  const { appenders } = parts;
  const found = await findDocument(parts.readBlob, document);
  const project = await projectOf(parts, event);
  addDocument(event, found, { project, moment, sink: appenders });
  if (appenders.heldBytes >= HELD_BYTES) appenders.flush();
}

async function findDocument(readBlob: ReadBlob, document: string | { blob: string }): Promise<FoundDocument> {
  if (typeof document === "string") return { text: document };
  try {
    const bytes = await readBlob(document.blob);
    if (bytes === null) return { missing: `blob ${document.blob} is not in the store` };
    if (bytes.length > MAX_DOCUMENT_BYTES)
      return { missing: `blob ${document.blob} has ${bytes.length} bytes` };
    return { text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() };
  } catch (error) {
    return { missing: `blob ${document.blob} cannot be read: ${messageOf(error)}` };
  }
}

async function projectOf(
  { projects, appenders, db }: Parts,
  { run_id }: AttemptFinished,
): Promise<string | null> {
  const known = projects.get(run_id);
  if (known !== undefined) return known;
  appenders.flush();
  const found = await db.writer.runAndReadAll("SELECT project FROM runs WHERE run_id = $1 LIMIT 1", [run_id]);
  const project = found.getRows()[0]?.[0];
  return rememberProject(projects, run_id, typeof project === "string" ? project : null);
}

function rememberProject(projects: Parts["projects"], runId: string, project: string | null): string | null {
  projects.set(runId, project);
  for (const oldest of projects.keys()) {
    if (projects.size <= KNOWN_RUNS) break;
    projects.delete(oldest);
  }
  return project;
}
