/**
 * Whether this coordinator takes work: each thing that it needs, looked at by itself, so that whoever is
 * woken by it reads the reason and not only that there is one.
 */
import { statfs } from "node:fs/promises";
import type { ReadyCheck } from "../../protocol/index.ts";
import type { HttpContext } from "./context.ts";

/** A record is flushed in milliseconds; what takes longer than this hangs. */
const COMMIT_MS = 2_000;
/** The results are that far behind only when they are stuck, or catching up after a start. */
const BEHIND_RECORDS = 10_000;
/** Below this the log would soon refuse to grow. */
const FREE_BYTES = 64 * 1024 * 1024;

export async function readinessOf(context: HttpContext): Promise<ReadyCheck[]> {
  return Promise.all([leader(context), log(context), results(context), disk(context)]);
}

type Found = Omit<ReadyCheck, "name">;

const named = (name: ReadyCheck["name"], found: Found): ReadyCheck => ({ name, ...found });

async function leader({ coordinator, closing }: HttpContext): Promise<ReadyCheck> {
  const { epoch } = coordinator.loop.state;
  if (closing.aborted) return named("leader", { ready: false, reason: "the coordinator stops" });
  return named("leader", { ready: true, reason: `leads in epoch ${epoch}` });
}

async function log({ coordinator, clock }: HttpContext): Promise<ReadyCheck> {
  const { loop } = coordinator;
  const found = await new Promise<Found>((resolve) => {
    const late = { ready: false, reason: `nothing was committed within ${COMMIT_MS / 1000} s` };
    const timer = clock.after(COMMIT_MS, () => resolve(late));
    loop.committed().then(
      () => {
        timer.cancel();
        resolve({ ready: true, reason: `committed up to record ${loop.committedPosition}` });
      },
      (error: unknown) => {
        timer.cancel();
        resolve({ ready: false, reason: error instanceof Error ? error.message : String(error) });
      },
    );
  });
  return named("log", found);
}

async function results(context: HttpContext): Promise<ReadyCheck> {
  const { watermark, failed } = context.results.status();
  const behind = Math.max(0, context.coordinator.loop.committedPosition - watermark);
  if (failed !== null) return named("results", { ready: false, reason: failed });
  return named("results", { ready: behind <= BEHIND_RECORDS, reason: `${behind} records behind the log` });
}

async function disk({ dataDir }: HttpContext): Promise<ReadyCheck> {
  try {
    const { bavail, bsize } = await statfs(dataDir);
    const free = bavail * bsize;
    const reason = `${Math.floor(free / 1024 ** 2)} MiB left, ${FREE_BYTES / 1024 ** 2} are needed`;
    return named("disk", { ready: free >= FREE_BYTES, reason });
  } catch (error) {
    return named("disk", { ready: false, reason: error instanceof Error ? error.message : String(error) });
  }
}
