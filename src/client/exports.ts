/** The tables of the results as files. */
import type { ExportInput, ExportStatus } from "../protocol/index.ts";
import { Unreachable } from "./errors.ts";
import { chunksOf } from "./lines.ts";
import type { Requests } from "./requests.ts";

export interface ExportCalls {
  /** Begins; it is given up when nobody asks after it for a minute. @throws ApiError `export_busy` */
  startExport(input?: ExportInput): Promise<ExportStatus>;
  /** @throws ApiError `export_unknown` */
  exportStatus(exportId: string): Promise<ExportStatus>;
  /** The bytes of one of its files; goes on where a broken connection stopped. */
  exportFile(exportId: string, file: ExportFile): AsyncIterable<Uint8Array>;
  /** Ends it and removes its files. @throws ApiError `export_unknown` */
  removeExport(exportId: string): Promise<ExportStatus>;
}

/** As the report of the export names it. */
export interface ExportFile {
  file: string;
  bytes: number;
  signal?: AbortSignal;
}

export function exportCalls(requests: Requests): ExportCalls {
  const path = (id: string) => `/api/exports/${encodeURIComponent(id)}`;
  return {
    startExport: (json = {}) => requests.json({ method: "POST", path: "/api/exports", json }),
    exportStatus: (id) => requests.json({ path: path(id) }),
    exportFile: (id, file) => readFile(requests, `${path(id)}/files/${encodeURIComponent(file.file)}`, file),
    removeExport: (id) => requests.json({ method: "DELETE", path: path(id) }),
  };
}

const TRIES = 3;

async function* readFile(
  requests: Requests,
  path: string,
  { bytes, signal }: ExportFile,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let tries = 1; at < bytes; tries += 1) {
    const headers = { range: `bytes=${at}-` };
    try {
      const response = await requests.open({ path, headers, ...(signal && { signal }) });
      for await (const chunk of chunksOf(response, signal)) {
        at += chunk.length;
        yield chunk;
      }
    } catch (error) {
      // A connection that breaks in the middle is a TypeError of fetch.
      if (signal?.aborted === true || tries >= TRIES || !(error instanceof TypeError)) throw error;
    }
    if (tries >= TRIES && at < bytes) throw new Unreachable(requests.url, new Error("the file broke off"));
  }
}
