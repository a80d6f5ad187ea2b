/**
 * Which blobs the log names, and for which task: so that a missing one is told as what it means.
 *
 * Must be there: the result documents of all attempts; payloads, workspaces and artifacts of tasks that have
 * not ended or ended within the retention. What is older may have been thinned out.
 */
import { isEndState, type Event } from "../../core/index.ts";
import { decodeRecord, type EventLog } from "../../log/index.ts";
import type { Artifact, TaskPayload } from "../../protocol/index.ts";

export interface Reference {
  hash: string;
  role: "payload" | "workspace" | "workspace file" | "document" | "artifact";
  task_id: string;
  run_id: string;
  attempt: number | null;
  path: string | null;
}

export interface ReferenceOptions {
  log: Pick<EventLog, "read" | "first">;
  /** null when it is not there, or damaged. */
  readBlob: (hash: string) => Promise<Uint8Array | null>;
  /** Milliseconds since 1970: what ended before may be gone. */
  cutoff: number;
}

type Text = string | { blob: string } | null;
type Owner = Pick<Reference, "task_id" | "run_id" | "attempt">;

export async function* referencesOf(options: ReferenceOptions): AsyncGenerator<Reference> {
  const { log, readBlob } = options;
  const ended = await endedBefore(options);
  const seen = new Set<string>();
  for await (const stored of log.read(await log.first())) {
    for (const event of decodeRecord(stored).events) {
      if (event.type === "TasksAdded") {
        for (const { task_id, run_id, payload } of event.tasks) {
          if (ended.has(task_id)) continue;
          yield* ofPayload({ task_id, run_id, attempt: null }, payload, { readBlob, seen });
        }
      } else if (event.type === "AttemptFinished") {
        const { task_id, run_id, lease, result } = event;
        const owner = { task_id, run_id, attempt: lease.attempt };
        yield* ofDocument(owner, result.document, { readBlob, isOld: ended.has(task_id) });
      }
    }
  }
}

async function endedBefore({ log, cutoff }: ReferenceOptions): Promise<Set<string>> {
  const ended = new Set<string>();
  for await (const stored of log.read(await log.first())) {
    const record = decodeRecord(stored);
    if (record.at >= cutoff) break;
    for (const event of record.events) {
      const id = endOf(event);
      if (id !== null) ended.add(id);
    }
  }
  return ended;
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

async function* ofPayload(
  owner: Owner,
  payload: Text,
  { readBlob, seen }: Pick<ReferenceOptions, "readBlob"> & { seen: Set<string> },
): AsyncGenerator<Reference> {
  if (typeof payload === "object" && payload !== null)
    yield { ...owner, hash: payload.blob, role: "payload", path: null };
  const { workspace } = await parsed<Partial<TaskPayload>>(payload, readBlob);
  if (workspace === undefined) return;
  yield { ...owner, hash: workspace, role: "workspace", path: null };
  // Many tasks share a workspace: its files are named once, for the first of them.
  if (seen.has(workspace)) return;
  seen.add(workspace);
  const { entries = [] } = await parsed<{ entries?: { path: string; sha256?: string }[] }>(
    { blob: workspace },
    readBlob,
  );
  for (const { path, sha256 } of entries) {
    if (sha256 !== undefined) yield { ...owner, hash: sha256, role: "workspace file", path };
  }
}

async function* ofDocument(
  owner: Owner,
  document: Text,
  { readBlob, isOld }: Pick<ReferenceOptions, "readBlob"> & { isOld: boolean },
): AsyncGenerator<Reference> {
  if (typeof document === "object" && document !== null)
    yield { ...owner, hash: document.blob, role: "document", path: null };
  if (isOld) return;
  const { artifacts = [] } = await parsed<{ artifacts?: Artifact[] }>(document, readBlob);
  for (const { path, sha256 } of artifacts) yield { ...owner, hash: sha256, role: "artifact", path };
}

async function parsed<T extends object>(
  text: Text,
  readBlob: ReferenceOptions["readBlob"],
): Promise<Partial<T>> {
  if (text === null) return {};
  if (typeof text === "string") return JSON.parse(text) as T;
  const bytes = await readBlob(text.blob);
  return bytes === null ? {} : (JSON.parse(Buffer.from(bytes).toString("utf8")) as T);
}
