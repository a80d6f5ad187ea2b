/** How long a question over many results takes: attempts of thirty days, through log and projection. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AttemptFinished, createPrng, ulid, ulidAfter } from "../../core/index.ts";
import { createMemoryLog, GENESIS_HASH, sealRecord } from "../../log/index.ts";
import { openLocalResults } from "../../results/index.ts";
import { percentile } from "./flush.ts";

export interface QueryReport {
  attempts: number;
  fill_seconds: number;
  p95_by_day_ms: { min: number; median: number; max: number; asked: number };
  days: number;
}

const CLUSTER = "bench";
const PER_RECORD = 1_000;
const RECORDS_HELD = 20;
const DAY_MS = 86_400_000;
const DAYS = 30;
const FIRST_DAY = Date.UTC(2026, 0, 1);
const ASKED = 15;
const P95_BY_DAY = `
  SELECT ended_at::DATE AS day, count(*) AS attempts, quantile_cont(duration_ms, 0.95) AS p95_ms
  FROM attempts WHERE is_final GROUP BY day ORDER BY day`;

export async function benchQuery(options: {
  attempts: number;
  onNote: (text: string) => void;
}): Promise<QueryReport> {
  const dir = await mkdtemp(join(tmpdir(), "testyard-bench-"));
  const log = createMemoryLog();
  const dbPath = join(dir, "results.duckdb");
  const results = await openLocalResults({ log, dbPath, clusterId: CLUSTER, readBlob: async () => null });
  try {
    options.onNote(`${options.attempts} attempts through log and projection`);
    const from = performance.now();
    await fill(log, results, options.attempts);
    const fill_seconds = Math.round((performance.now() - from) / 100) / 10;
    const times: number[] = [];
    let days = 0;
    for (let i = 0; i < ASKED; i++) {
      const since = performance.now();
      const { rows } = await results.sql({ sql: P95_BY_DAY, parameters: [], limit: 100 });
      times.push(performance.now() - since);
      days = (JSON.parse(Buffer.from(rows).toString()) as unknown[]).length;
    }
    const median = Math.round(percentile(times, 0.5));
    const [min, max] = [Math.round(Math.min(...times)), Math.round(Math.max(...times))];
    return {
      attempts: options.attempts,
      fill_seconds,
      p95_by_day_ms: { min, median, max, asked: ASKED },
      days,
    };
  } finally {
    await results.close();
    await log.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function fill(
  log: ReturnType<typeof createMemoryLog>,
  results: Awaited<ReturnType<typeof openLocalResults>>,
  attempts: number,
): Promise<void> {
  const prng = createPrng(1);
  const first = ulid(FIRST_DAY, new Uint8Array(10));
  let prev_hash = GENESIS_HASH;
  let position = 0;
  for (let done = 0; done < attempts; done += PER_RECORD) {
    position += 1;
    const at = FIRST_DAY + Math.floor((done / attempts) * DAYS * DAY_MS);
    const count = Math.min(PER_RECORD, attempts - done);
    const events = Array.from({ length: count }, (_, i) =>
      JSON.stringify(finished(ulidAfter(first, done + i), { at, duration_ms: 1 + prng.below(60_000) })),
    );
    const header = { cluster_id: CLUSTER, position, epoch: 1, batch_id: `b${position}`, prev_hash, at };
    const record = sealRecord(header, events);
    await log.append(record);
    prev_hash = record.hash;
    if (position % RECORDS_HELD !== 0 && done + PER_RECORD < attempts) continue;
    results.poke(position);
    await results.reached(position);
    await log.truncateBefore(position);
  }
}

function finished(
  task_id: string,
  { at, duration_ms }: { at: number; duration_ms: number },
): AttemptFinished {
  return {
    type: "AttemptFinished",
    v: 1,
    task_id,
    run_id: "bench",
    lease: { attempt: 1, worker_id: "w1", incarnation: "w1-a", slot: 0, gpus: [], assigned_at: at },
    result: {
      outcome: "passed",
      exit_code: 0,
      signal: null,
      started_at: at,
      duration_ms,
      usage: null,
      counts: { passed: 1, failed: 0, skipped: 0, error: 0 },
      document: null,
      log_bytes: 0,
      error: null,
    },
    next: { state: "completed", reason: null },
  };
}
