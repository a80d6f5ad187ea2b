/** Questions to the results about what has only just happened. */
import type { HttpContext } from "./context.ts";

const PATIENCE_MS = 5_000;

/** Resolves once the results hold what is decided so far, or after a while: they may be away. */
export async function caughtUp(
  { coordinator, results, clock }: HttpContext,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const { loop } = coordinator;
  await loop.committed();
  await new Promise<void>((resolve) => {
    const timer = clock.after(patienceMs, resolve);
    const done = () => {
      timer.cancel();
      resolve();
    };
    results.reached(loop.committedPosition).then(done, done);
  });
}
