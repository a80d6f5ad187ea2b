/**
 * An answer as it comes, in pieces or in lines, until it ends or the signal aborts.
 *
 * The signal is listened to here, although `fetch` was given it: on Node 20 `fetch` and `AbortSignal.any`
 * hold theirs weakly, and after a collection nobody would hear an abort any more.
 */
export async function* chunksOf(response: Response, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const stop = (): void => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

/** What follows the last line end is half a line, and no line. */
export async function* linesOf(response: Response, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunksOf(response, signal)) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line !== "") yield line;
  }
}
