/** Pages of lists: what may be asked for, and how they are turned. */
import type { Page, TaskView } from "../protocol/index.ts";

export interface PageQuery {
  limit?: number;
  cursor?: string;
}

export interface RunQuery extends PageQuery {
  project?: string;
  /** Part of the name. */
  name?: string;
}

export interface TaskQuery extends PageQuery {
  state?: TaskView["state"];
  run_id?: string;
  project?: string;
}

/** Every item of a listing, page after page. */
export async function* everyItem<T>(
  load: (cursor: string | undefined) => Promise<Page<T>>,
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = await load(cursor);
    yield* page.items;
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
}
