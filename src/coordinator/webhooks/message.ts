/** What a receiver is sent: small, with the address where the rest is. */
import type { Delivery } from "../../core/index.ts";
import { endedRunView } from "../http/run-view.ts";

export function messageOf({ run }: Delivery, yardUrl: string): string {
  const { run_id, ended, verdict, counts, at } = run;
  return JSON.stringify({
    type: "run.ended",
    version: 1,
    timestamp: new Date(at).toISOString(),
    verdict,
    ended,
    counts,
    url: `${yardUrl}/api/runs/${run_id}`,
    run: endedRunView(run),
  });
}
