/** What goes over the border between coordinator and results process. Structured clones: bytes stay bytes. */
import type { ExportCode, RefusalCode, SqlCode } from "./errors.ts";
import type { ExportRequest } from "./export.ts";
import type { SqlRequest } from "./sql.ts";

export interface StartOptions {
  log_dir: string;
  db_path: string;
  cluster_id: string;
  query_timeout_ms: number;
  export_dir: string | null;
}

export type ToProcess =
  | { kind: "start"; options: StartOptions }
  | { kind: "poke"; position: number }
  | { kind: "query"; id: number; name: string; params: unknown }
  | { kind: "sql"; id: number; request: SqlRequest }
  | { kind: "export"; id: number; request: ExportRequest }
  /** Nobody waits for the answer any more. */
  | { kind: "abandon"; id: number }
  | { kind: "blob"; id: number; bytes: Uint8Array | null }
  | { kind: "blob_failed"; id: number; message: string }
  | { kind: "close" };

export type FromProcess =
  | { kind: "ready"; watermark: number }
  | { kind: "refused"; code: RefusalCode; message: string; details: Record<string, string | number> }
  | { kind: "watermark"; position: number }
  | { kind: "answer"; id: number; value: unknown }
  | { kind: "unavailable"; id: number; message: string }
  | { kind: "query_failed"; id: number; message: string }
  | { kind: "sql_refused"; id: number; code: SqlCode; message: string }
  | { kind: "export_failed"; id: number; code: ExportCode; message: string }
  | { kind: "read_blob"; id: number; hash: string }
  | { kind: "failed"; message: string };

interface Pending<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** Questions that were sent and are not answered yet, by number. */
export interface PendingAnswers<T> {
  ask(send: (id: number) => void): Promise<T>;
  take(id: number): Pending<T> | undefined;
  rejectAll(makeError: () => Error): void;
}

export function createPending<T>(): PendingAnswers<T> {
  const pending = new Map<number, Pending<T>>();
  let last = 0;
  return {
    ask(send) {
      const id = ++last;
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject });
        send(id);
      });
    },
    take(id) {
      const found = pending.get(id);
      pending.delete(id);
      return found;
    },
    rejectAll(makeError) {
      for (const each of pending.values()) each.reject(makeError());
      pending.clear();
    },
  };
}
