/** Files that attempts left: listed, and their bytes as they stream. */
import type { ArtifactView } from "../protocol/index.ts";
import { chunksOf } from "./lines.ts";
import type { Requests } from "./requests.ts";

export interface ArtifactName {
  attempt: number;
  path: string;
}

export async function listArtifacts(requests: Requests, taskId: string): Promise<ArtifactView[]> {
  const path = `/api/tasks/${encodeURIComponent(taskId)}/artifacts`;
  return (await requests.json<{ items: ArtifactView[] }>({ path })).items;
}

/** A stream that breaks ends with an error: whoever writes it to a file begins the file again. */
export async function* readArtifact(
  requests: Requests,
  taskId: string,
  { attempt, path, signal }: ArtifactName & { signal?: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const name = path.split("/").map(encodeURIComponent).join("/");
  const address = `/api/tasks/${encodeURIComponent(taskId)}/attempts/${attempt}/artifacts/${name}`;
  const response = await requests.open({ path: address, ...(signal !== undefined && { signal }) });
  yield* chunksOf(response, signal);
}
