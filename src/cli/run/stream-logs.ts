/**
 * Prints the logs of tasks while they run, a few at a time, each line with its task when there are several.
 */
import type { Client } from "../../client/index.ts";
import { ApiError } from "../../client/index.ts";
import { paintFor, print, printBytes, say } from "../io.ts";
import { TerminalText } from "../terminal-text.ts";

const AT_ONCE = 8;
const LOOK_MS = 300;

export function streamLogs(client: Client, taskIds: readonly string[]): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const queue = [...taskIds];
  const lane = async (): Promise<void> => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      await follow(client, id, { signal: stopped.signal, isAlone: taskIds.length === 1 });
    }
  };
  const lanes = Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, lane));
  return {
    async stop() {
      // What has ended is read to its end; what never began is not waited for.
      const limit = setTimeout(() => stopped.abort(), 2_000);
      await lanes.catch((error: unknown) => say(`the log broke off: ${String(error)}`));
      clearTimeout(limit);
    },
  };
}

async function follow(
  client: Client,
  id: string,
  { signal, isAlone }: { signal: AbortSignal; isAlone: boolean },
): Promise<void> {
  const prefix = isAlone ? "" : `${id.slice(-6)} | `;
  let rest = "";
  const terminal = new TerminalText({ colours: paintFor(process.stdout)("bold", "") !== "" });
  const show = async (text: string): Promise<void> => {
    if (isAlone) return printBytes(Buffer.from(text));
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) print(prefix + line);
  };
  for await (const chunk of attempts(client, id, signal)) await show(terminal.push(chunk));
  await show(terminal.end());
  if (rest !== "") print(prefix + rest);
}

/** The log of the task's attempt once there is one. */
async function* attempts(client: Client, id: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  while (!signal.aborted) {
    try {
      yield* client.log(id, { follow: true, signal });
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError) || error.code !== "log_unknown") throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}
