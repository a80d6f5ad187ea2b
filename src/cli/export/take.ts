/** Fills a folder with the tables: from a running coordinator, or from a file that no one has open. */
import { createWriteStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Client, ExportInput } from "../../client/index.ts";
import { infrastructure } from "../errors.ts";
import { say } from "../io.ts";
import { formatBytes } from "../table.ts";
import type { Exported } from "./place.ts";

export interface Wish {
  input: ExportInput;
  signal: AbortSignal;
}

const LONGEST_LOOK_MS = 2_000;

export async function takeFromFile(dbPath: string, dir: string, { input, signal }: Wish): Promise<Exported> {
  const { openResultsFile } = await import("../../results/index.ts");
  const { format = "parquet", tables } = input;
  const results = await openResultsFile(dbPath, { exportDir: dir });
  try {
    return await results.export({ dir, format, ...(tables && { tables }) }, { signal, onTable: told });
  } finally {
    results.close();
  }
}

export async function takeFromCoordinator(client: Client, dir: string, wish: Wish): Promise<Exported> {
  const { export_id } = await client.startExport(wish.input);
  try {
    const report = await written(client, export_id, wish.signal);
    await mkdir(dir);
    for (const table of report.tables) {
      const path = join(dir, table.file);
      const { signal } = wish;
      await pipeline(client.exportFile(export_id, { ...table, signal }), createWriteStream(path), { signal });
      const { size } = await stat(path);
      if (size !== table.bytes) throw infrastructure("export_failed", `${table.file} arrived incomplete`);
      told(table);
    }
    return report;
  } finally {
    // One that cannot be told finds out by itself: nobody asks for it any more.
    await client.removeExport(export_id).catch(() => {});
  }
}

async function written(client: Client, export_id: string, signal: AbortSignal): Promise<Exported> {
  say("the coordinator writes the tables; tasks go on meanwhile");
  for (let lookMs = 20; ; lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)) {
    const { error, report } = await client.exportStatus(export_id);
    if (report !== null) return report;
    if (error !== null) throw Object.assign(new Error(error.message), { code: error.code });
    await pause(lookMs, undefined, { signal });
  }
}

function told({ file, rows, bytes }: Exported["tables"][number]): void {
  say(`${file}  ${rows} rows, ${formatBytes(bytes)}`);
}
