/**
 * What must stay, read from the log alone.
 *
 * A task is kept while it has not ended and for the retention after. Of a kept task stay its payload, its
 * workspace with all files, its logs and its artifacts; of every attempt, however old, its result document,
 * because the results are built again from log and documents. Of any other event everything stays that
 * looks like a hash: what it means is not for this module to know, and a blob too many costs only room.
 *
 * Two passes over the log, so that memory holds open tasks and live hashes and not all that ever was.
 */
import { isEndState, ulidTime, type Event } from "../../core/index.ts";
import { decodeRecord, type EventLog } from "../../log/index.ts";

export interface Named {
  /** Hashes, 32 bytes each as text of one byte a letter: half the memory of hex. */
  hashes: ReadonlySet<string>;
  isKept: (taskId: string) => boolean;
}

export type ReadBlob = (hash: string) => Promise<Uint8Array | null>;

export interface NamedOptions {
  log: Pick<EventLog, "read" | "first">;
  readBlob: ReadBlob;
  /** What ended before is not kept; milliseconds since 1970. */
  cutoff: number;
}

export async function namedBlobs({ log, readBlob, cutoff }: NamedOptions): Promise<Named> {
  if ((await log.first()) > 1) throw new Error("the log does not begin with its first record");
  const old = await oldButKept(log, cutoff);
  const isKept = (id: string) => ulidTime(id) >= cutoff || old.has(id);
  const named = new Collector(readBlob);
  for await (const stored of log.read(1)) {
    for (const event of decodeRecord(stored).events) await named.take(event, isKept);
  }
  return { hashes: named.hashes, isKept };
}

/** Tasks submitted before the cutoff that are open, or ended after it. */
async function oldButKept(log: NamedOptions["log"], cutoff: number): Promise<Set<string>> {
  const kept = new Set<string>();
  for await (const stored of log.read(1)) {
    const record = decodeRecord(stored);
    for (const event of record.events) {
      // One of a submission that was never sealed is kept without need, which costs little.
      if (event.type === "TasksAdded") {
        for (const { task_id } of event.tasks) if (ulidTime(task_id) < cutoff) kept.add(task_id);
      }
      const ended = endOf(event);
      if (ended !== null && record.at < cutoff) kept.delete(ended);
    }
  }
  return kept;
}

function endOf(event: Event): string | null {
  switch (event.type) {
    case "AttemptFinished":
    case "AttemptLost":
      return isEndState(event.next.state) ? event.task_id : null;
    case "TaskCancelled":
    case "TaskSkipped":
      return event.task_id;
    default:
      return null;
  }
}

const HASH = /[0-9a-f]{64}/g;
/** A manifest of 100,000 files has about 20 MB. */
const MAX_READ_BYTES = 256 * 1024 * 1024;

class Collector {
  readonly hashes = new Set<string>();
  readonly #readBlob: ReadBlob;
  /** Payloads and manifests that were looked into. */
  readonly #opened = new Set<string>();

  constructor(readBlob: ReadBlob) {
    this.#readBlob = readBlob;
  }

  async take(event: Event, isKept: (id: string) => boolean): Promise<void> {
    switch (event.type) {
      case "TasksAdded":
        for (const { task_id, payload } of event.tasks) {
          if (!isKept(task_id)) continue;
          if (typeof payload === "string") await this.#openAll(payload, 1);
          else await this.#open(payload.blob, 2);
        }
        return;
      case "AttemptFinished":
        return this.#document(event.result.document, isKept(event.task_id));
      case "AttemptAssigned":
      case "AttemptStarted":
      case "SubmissionOpened":
        return;
      default:
        return this.#openAll(JSON.stringify(event), 2);
    }
  }

  async #document(document: string | { blob: string } | null, isKept: boolean): Promise<void> {
    if (document === null) return;
    if (typeof document !== "string") this.#add(document.blob);
    if (!isKept) return;
    if (typeof document !== "string") {
      const bytes = await this.#readBlob(document.blob);
      if (bytes !== null) this.#artifacts(Buffer.from(bytes).toString("utf8"));
    } else this.#artifacts(document);
  }

  #artifacts(text: string): void {
    if (!text.includes('"artifacts"')) return;
    const { artifacts = [] } = JSON.parse(text) as { artifacts?: { sha256: string }[] };
    for (const { sha256 } of artifacts) this.#add(sha256);
  }

  /** Everything in the text that looks like a hash, and what those blobs name. */
  async #openAll(text: string, depth: number): Promise<void> {
    for (const hash of text.match(HASH) ?? []) await this.#open(hash, depth);
  }

  /** A payload names a workspace, and that names files; files are not looked into. */
  async #open(hash: string, depth: number): Promise<void> {
    this.#add(hash);
    if (depth === 0 || this.#opened.has(hash)) return;
    this.#opened.add(hash);
    const bytes = await this.#readBlob(hash);
    if (bytes === null || bytes[0] !== 0x7b || bytes.length > MAX_READ_BYTES) return;
    const text = Buffer.from(bytes).toString("utf8");
    const isManifest = text.startsWith('{"format":1,"entries":');
    await this.#openAll(text, isManifest ? 0 : depth - 1);
  }

  #add(hash: string): void {
    this.hashes.add(Buffer.from(hash, "hex").toString("latin1"));
  }
}
