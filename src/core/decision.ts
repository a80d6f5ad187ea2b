/** What `decide` answers. */
import type { Rejection, RejectionCode } from "./command.ts";
import type { Event } from "./event.ts";

export type Decision =
  | { kind: "accepted"; events: Event[]; answer?: Answer }
  | { kind: "rejected"; rejection: Rejection };

/** What the caller is told beside the events. */
export type Answer =
  | { kind: "submitted"; run_id: string; first_task_id: string; count: number; replayed: boolean }
  | { kind: "run"; run_id: string; attached: boolean }
  | { kind: "result"; verdict: "accepted" | "repeated" | "stale_attempt" };

export function accept(events: Event[], answer?: Answer): Decision {
  return answer === undefined ? { kind: "accepted", events } : { kind: "accepted", events, answer };
}

export function reject(code: RejectionCode, message: string, details?: Record<string, unknown>): Decision {
  return {
    kind: "rejected",
    rejection: details === undefined ? { code, message } : { code, message, details },
  };
}
