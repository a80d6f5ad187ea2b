/** A wait that a person may break off and that may have a limit: why it ended, and what that exits with. */
import { EXIT, exitOf, type ExitCode } from "../exit-codes.ts";

export interface Wait {
  readonly signal: AbortSignal;
  /** Why the signal was raised; the worse of the two when both came. */
  code(): ExitCode;
  dispose(): void;
}

export function startWait(interrupt: AbortSignal, timeoutMs: number | undefined): Wait {
  const stop = new AbortController();
  const codes: ExitCode[] = [];
  const end = (code: ExitCode) => (): void => {
    codes.push(code);
    stop.abort();
  };
  const onInterrupt = end(EXIT.interrupted);
  interrupt.addEventListener("abort", onInterrupt);
  if (interrupt.aborted) onInterrupt();
  const limit = timeoutMs === undefined ? undefined : setTimeout(end(EXIT.waitTimedOut), timeoutMs);
  return {
    signal: stop.signal,
    code: () => exitOf(codes),
    dispose: () => {
      clearTimeout(limit);
      interrupt.removeEventListener("abort", onInterrupt);
    },
  };
}
