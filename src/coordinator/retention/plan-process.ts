/**
 * The program that plans a sweep beside the coordinator: it reads log and blobs and changes nothing. The plan
 * goes to a file, a line for each thing that may go, because it may be longer than anybody wants to hold.
 *
 *     node plan-process.js '{"log_dir", "blob_dir", "out", "cutoff", "now", "grace_ms"}'
 */
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { openBlobReader } from "../../blobs/index.ts";
import { openLmdbLog } from "../../log/index.ts";
import { namedBlobs } from "./named-blobs.ts";

export interface PlanRequest {
  log_dir: string;
  blob_dir: string;
  out: string;
  /** Milliseconds since 1970, like `now`. */
  cutoff: number;
  now: number;
  grace_ms: number;
}

async function plan(request: PlanRequest): Promise<void> {
  const { log_dir, blob_dir, out, cutoff, now, grace_ms: graceMs } = request;
  const log = await openLmdbLog({ dir: log_dir, readOnly: true });
  const blobs = openBlobReader(blob_dir);
  try {
    const { hashes, isKept } = await namedBlobs({ log, readBlob: (hash) => blobs.get(hash), cutoff });
    const file = createWriteStream(out, { mode: 0o600 });
    const isNamed = (hash: string) => hashes.has(Buffer.from(hash, "hex").toString("latin1"));
    const lines = blobs.plan({ isNamed, isKept: ({ task_id }) => isKept(task_id), now, graceMs });
    for await (const line of lines) {
      if (!file.write(`${JSON.stringify(line)}\n`)) await once(file, "drain");
    }
    // Without it the plan is not whole, and nobody follows it.
    file.end('{"kind":"end"}\n');
    await once(file, "close");
  } finally {
    await blobs.close();
    await log.close();
  }
}

setPriority(constants.priority.PRIORITY_LOW);
await plan(JSON.parse(process.argv[2] ?? "{}") as PlanRequest);
