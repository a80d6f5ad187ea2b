/**
 * The real clock. Durations come from `performance.now()`, which no operator can set back.
 *
 * Node turns a timer of more than 2^31 milliseconds (25 days) into one of 1 ms; a task may be allowed 30
 * days, so longer waits are made of several.
 */
import type { Clock, Timer } from "../ports/index.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after,
    soon: (call) => void setImmediate(call),
  };
}

function after(delayMs: number, call: () => void): Timer {
  let left = Math.max(0, Math.ceil(delayMs));
  let timer: NodeJS.Timeout;
  const wait = () => {
    const part = Math.min(left, LONGEST_TIMER_MS);
    left -= part;
    timer = setTimeout(left > 0 ? wait : call, part);
  };
  wait();
  return { cancel: () => clearTimeout(timer) };
}
