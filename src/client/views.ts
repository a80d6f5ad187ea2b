/** Answers that only the client names; the rest of the shapes are the protocol's. */
import type { CaseOutcome, Page, RunView, StatusView, TaskView, WorkerView } from "../protocol/index.ts";

export interface CaseView {
  task_id: string;
  attempt: number;
  is_final: boolean;
  case_number: number;
  test_id: string;
  framework: string;
  file: string;
  name: string;
  parameters: string | null;
  outcome: CaseOutcome;
  duration_ms: number;
  message: string | null;
  detail: string | null;
  stdout: string | null;
  stderr: string | null;
  retries: number | null;
  expected_failure: boolean | null;
  worker_id: string;
}

export interface DurationView {
  file: string;
  duration_ms: number;
  /** How many runs it is learned from. */
  runs: number;
}

export interface DashboardView {
  status: StatusView;
  workers: WorkerView[];
  tasks: TaskView[];
  runs: RunView[];
}

export interface PageQuery {
  limit?: number;
  cursor?: string;
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
