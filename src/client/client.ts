/**
 * The API as functions: what commands, CI and people's own scripts call. It adds what every caller would
 * have to write otherwise: pages turned, broken streams taken up again, submissions that may be sent twice.
 */
import { randomUUID } from "node:crypto";
import type {
  ArtifactView,
  CaseView,
  DashboardView,
  DurationView,
  FeedItem,
  LogMatch,
  FileFailures,
  Page,
  ResultDocument,
  RebuildStatus,
  ReusableCase,
  RunTaskView,
  RunView,
  SqlAnswer,
  StatusView,
  SubmitAnswer,
  TaskDetail,
  TaskExplanation,
  TaskInput,
  TaskView,
  WorkerView,
} from "../protocol/index.ts";
import type { BlobTransport } from "../workspace/index.ts";
import { listArtifacts, readArtifact, type ArtifactName } from "./artifacts.ts";
import { automationCalls, type AutomationCalls } from "./automation-calls.ts";
import { exportCalls, type ExportCalls } from "./exports.ts";
import { createBlobTransport } from "./blob-transport.ts";
import { readFeed, type FeedOptions } from "./feed.ts";
import { readLog, searchLogs, type LogOptions, type LogSearchOptions } from "./log.ts";
import { Requests, type ApiRequest, type ConnectOptions } from "./requests.ts";
import { everyItem, type RunQuery, type TaskQuery } from "./pages.ts";

export interface RunInput {
  run_key?: string;
  name?: string;
  /** Addresses that are told of the run's end. */
  webhooks?: string[];
}

export interface SubmitOptions {
  /** An open run; a new one is opened unless given. */
  run_id?: string;
  run?: RunInput;
  project?: string;
  /** Made when absent, so that a submission whose answer was lost is sent again and counts once. */
  idempotencyKey?: string;
}

export interface SqlQueryOptions {
  parameters?: readonly (string | number | boolean | null)[];
  /** Rows at most: 10,000 unless given, 100,000 at the most. */
  limit?: number;
}

export interface RetryOptions {
  /** Only the cases that failed, where that is known and the framework can choose them. */
  cases?: boolean;
  /** Made when absent. */
  idempotencyKey?: string;
}

/**
 * Every method that asks the coordinator rejects with `ApiError` when the answer is no (`code` is stable, see
 * docs/ERRORS.md), and with `Unreachable` when nobody answered for `patienceMs`. What may be sent twice
 * without harm is sent again until then; submissions are, for they carry a key.
 */
export interface SuiteQuery {
  project?: string;
  framework: string;
  suite?: string;
}

export interface Client extends AutomationCalls, ExportCalls {
  /** Where it asks. */
  readonly url: string;
  /** Counts, position, and how far the results are behind. */
  status(): Promise<StatusView>;
  /** Status, workers, the newest tasks and runs, in one answer. */
  dashboard(): Promise<DashboardView>;
  /** All that the yard knows, lost ones included. */
  workers(): Promise<WorkerView[]>;
  /** @throws ApiError `worker_unknown` */
  worker(workerId: string): Promise<WorkerView>;
  /** No new task goes there; what runs there goes on. */
  cordonWorker(workerId: string, reason?: string): Promise<WorkerView>;
  /** A cordon that somebody waits for: it is done when `busy` is 0. */
  drainWorker(workerId: string, reason?: string): Promise<WorkerView>;
  /** It gets new tasks again. @throws ApiError `worker_leaves` when it is on its way out by itself */
  uncordonWorker(workerId: string): Promise<WorkerView>;
  /** One page, newest first; `next_cursor` leads to the next. */
  tasks(query?: TaskQuery): Promise<Page<TaskView>>;
  /** The same, page after page. */
  allTasks(query?: TaskQuery): AsyncIterable<TaskView>;
  /** With its attempts, and why it waits. @throws ApiError `task_unknown` */
  task(taskId: string): Promise<TaskDetail>;
  /** Why it waits, worker by worker, or why it ran where it did. */
  explain(taskId: string): Promise<TaskExplanation>;
  /** Resolves once it is durable. @throws ApiError `invalid_request`: `errors` points at each mistake */
  submitTask(
    task: TaskInput,
    options?: Omit<SubmitOptions, "run">,
  ): Promise<TaskView & { replayed: boolean }>;
  /** All of them or none. Dependencies may name tasks of the same list. */
  submitTasks(tasks: readonly TaskInput[], options?: SubmitOptions): Promise<SubmitAnswer>;
  /** @throws ApiError `task_ended` when it was too late */
  cancelTask(taskId: string): Promise<TaskView>;
  /** A new task that repeats one which has ended. @throws ApiError `task_open`, `task_retried` */
  retryTask(taskId: string, options?: RetryOptions & { force?: boolean }): Promise<TaskView>;
  /** Lets a poisoned task be tried again. @throws ApiError `task_not_poisoned` */
  releaseTask(taskId: string): Promise<TaskView>;
  /** Attaches when the key is known. `position` is where its feed begins at the latest. */
  openRun(run?: RunInput & { project?: string }): Promise<RunView & { position: number }>;
  /** @throws ApiError `run_unknown` */
  run(runId: string): Promise<RunView>;
  /** One page, newest first. */
  runs(query?: RunQuery): Promise<Page<RunView>>;
  /** Newest first, page after page; also those that the coordinator's memory has forgotten. */
  allRuns(query?: RunQuery): AsyncIterable<RunView>;
  /** Cancels what has not ended. */
  cancelRun(runId: string): Promise<RunView>;
  /** Repeats what has ended without success; an empty list when nothing has. */
  retryRun(runId: string, options?: RetryOptions): Promise<SubmitAnswer>;
  /** With all their attempts, oldest first: what a report is made of. */
  runTasks(runId: string): AsyncIterable<RunTaskView>;
  /** The newest earlier run of the same project and name that has ended. */
  previousRun(runId: string): Promise<RunView | null>;
  /**
   * What happens in a run from its beginning on, each thing once, over broken connections too; until the
   * signal aborts or the reader stops.
   */
  feed(runId: string, options?: FeedOptions): AsyncIterable<FeedItem>;
  /** Bytes as the attempt wrote them; with `follow`, until it has ended. @throws ApiError `log_unknown` */
  log(taskId: string, options?: LogOptions): AsyncIterable<Uint8Array>;
  /** Lines of one log that hold a text. */
  searchLog(
    taskId: string,
    text: string,
    options?: LogSearchOptions & { attempt?: number },
  ): AsyncIterable<LogMatch>;
  /** Lines of all logs of a run that hold a text. */
  searchRunLogs(runId: string, text: string, options?: LogSearchOptions): AsyncIterable<LogMatch>;
  /** What all attempts of a task left. */
  artifacts(taskId: string): Promise<ArtifactView[]>;
  /** The bytes of one of them. */
  artifact(taskId: string, name: ArtifactName & { signal?: AbortSignal }): AsyncIterable<Uint8Array>;
  /** Of a whole run: the cases that count, or those of all attempts. */
  cases(runId: string, options?: { attempts?: "final" | "all" }): AsyncIterable<CaseView>;
  /** One SELECT over the results. Values for `?` are given in order. */
  query(sql: string, options?: SqlQueryOptions): Promise<SqlAnswer>;
  /** Makes the results anew from the log; resolves when that is begun. */
  rebuildResults(): Promise<RebuildStatus>;
  /** How far that has come. */
  rebuildStatus(): Promise<RebuildStatus>;
  /** How long the files of a suite take, as earlier runs have taught. */
  durations(query: { project?: string; framework: string; suite?: string }): Promise<DurationView[]>;
  durations(query: SuiteQuery): Promise<DurationView[]>;
  /** The last failed first. */
  failures(query: SuiteQuery): Promise<FileFailures[]>;
  reusableCases(query: { project?: string; inputs: string }): Promise<ReusableCase[]>;
  /** A result document as the feed names it: its text, or the blob that holds it. */
  document(ref: string | { blob: string }): Promise<ResultDocument>;
  /** Uploads, as workspaces are sent. */
  blobTransport(): BlobTransport;
}

const CASES_PER_PAGE = 10_000;
const TASKS_PER_PAGE = 500;
const RUN_TASKS_PER_PAGE = 1_000;
const RUNS_PER_PAGE = 100;

export function connect(options: ConnectOptions): Client {
  const requests = new Requests(options);
  const get = <T>(path: string, query: ApiRequest["query"] = {}) => requests.json<T>({ path, query });
  return {
    url: requests.url,
    status: () => get("/api/status"),
    dashboard: () => get("/api/dashboard"),
    workers: () => get("/api/workers"),
    worker: (id) => get(`/api/workers/${encodeURIComponent(id)}`),
    runs: (query = {}) => get("/api/runs", { ...query }),
    allRuns: (query = {}) =>
      everyItem((cursor) => get("/api/runs", { limit: RUNS_PER_PAGE, ...query, ...(cursor && { cursor }) })),
    run: (id) => get(runPath(id)),
    durations: async (query) => (await get<{ items: DurationView[] }>("/api/durations", { ...query })).items,
    failures: async (query) => (await get<{ items: FileFailures[] }>("/api/failures", { ...query })).items,
    reusableCases: async (query) =>
      (await get<{ items: ReusableCase[] }>("/api/reusable-cases", { ...query })).items,
    query: (sql, more = {}) =>
      requests.json({ method: "POST", path: "/api/query", json: { sql, ...more }, isRepeatable: true }),
    rebuildResults: () => requests.json({ method: "POST", path: "/api/results/rebuild", isRepeatable: true }),
    rebuildStatus: () => get("/api/results/rebuild"),
    feed: (id, more = {}) => readFeed(requests, id, more),
    log: (id, more = {}) => readLog(requests, id, more),
    searchLog: (id, q, more = {}) => searchLogs(requests, taskPath(id), { q, ...more }),
    searchRunLogs: (id, q, more = {}) => searchLogs(requests, runPath(id), { q, ...more }),
    artifacts: (id) => listArtifacts(requests, id),
    artifact: (id, name) => readArtifact(requests, id, name),
    cases: (id, { attempts } = {}) =>
      everyItem((cursor) => {
        const query = { limit: CASES_PER_PAGE, cursor, attempts };
        return get<Page<CaseView>>(`${runPath(id)}/cases`, query);
      }),
    document: async (ref) => JSON.parse(await documentText(requests, ref)) as ResultDocument,
    blobTransport: () => createBlobTransport(requests),
    ...workerCalls(requests),
    ...taskCalls(requests),
    ...runCalls(requests),
    ...automationCalls(requests),
    ...exportCalls(requests),
  };
}

function workerCalls(requests: Requests) {
  const order = (verb: string, id: string, reason?: string) =>
    requests.json<WorkerView>({
      method: "POST",
      path: `/api/workers/${encodeURIComponent(id)}/${verb}`,
      ...(reason !== undefined && { json: { reason } }),
      isRepeatable: true,
    });
  return {
    cordonWorker: (id: string, reason?: string) => order("cordon", id, reason),
    drainWorker: (id: string, reason?: string) => order("drain", id, reason),
    uncordonWorker: (id: string) => order("uncordon", id),
  };
}

function taskCalls(requests: Requests) {
  const tasks = (query: TaskQuery = {}) =>
    requests.json<Page<TaskView>>({ path: "/api/tasks", query: { ...query } });
  return {
    tasks,
    allTasks: (query: TaskQuery = {}) =>
      everyItem((cursor) =>
        tasks({ limit: TASKS_PER_PAGE, ...query, ...(cursor !== undefined && { cursor }) }),
      ),
    task: (id: string) => requests.json<TaskDetail>({ path: taskPath(id) }),
    explain: (id: string) => requests.json<TaskExplanation>({ path: `${taskPath(id)}/explain` }),
    submitTask(task: TaskInput, { run_id, project, idempotencyKey }: Omit<SubmitOptions, "run"> = {}) {
      const query = { run_id, project };
      return requests.json<TaskView & { replayed: boolean }>({
        ...keyed(idempotencyKey),
        path: "/api/tasks",
        query,
        json: task,
      });
    },
    submitTasks(list: readonly TaskInput[], { idempotencyKey, ...where }: SubmitOptions = {}) {
      const json = { ...where, tasks: list };
      return requests.json<SubmitAnswer>({ ...keyed(idempotencyKey), path: "/api/tasks/bulk", json });
    },
    cancelTask: (id: string) => requests.json<TaskView>({ method: "DELETE", path: taskPath(id) }),
    retryTask: (id: string, { idempotencyKey, ...json }: RetryOptions & { force?: boolean } = {}) =>
      requests.json<TaskView>({ ...keyed(idempotencyKey), path: `${taskPath(id)}/retry`, json }),
    releaseTask: (id: string) => requests.json<TaskView>({ method: "POST", path: `${taskPath(id)}/release` }),
  };
}

function runCalls(requests: Requests) {
  return {
    async openRun(run: RunInput & { project?: string } = {}) {
      // With a key a second run is the first one, without it a lost answer leaves an empty run behind.
      const isRepeatable = run.run_key !== undefined;
      const request = { method: "POST", path: "/api/runs", json: run, isRepeatable } as const;
      const { value, position } = await requests.jsonAt<RunView>(request);
      return { ...value, position };
    },
    retryRun: (id: string, { idempotencyKey, ...json }: RetryOptions = {}) =>
      requests.json<SubmitAnswer>({ ...keyed(idempotencyKey), path: `${runPath(id)}/retry`, json }),
    runTasks: (id: string) =>
      everyItem((cursor) => {
        const query = { limit: RUN_TASKS_PER_PAGE, cursor };
        return requests.json<Page<RunTaskView>>({ path: `${runPath(id)}/tasks`, query });
      }),
    previousRun: async (id: string) =>
      (await requests.json<{ run: RunView | null }>({ path: `${runPath(id)}/previous` })).run,
    cancelRun: (id: string) =>
      requests.json<RunView>({ method: "POST", path: `${runPath(id)}/cancel`, isRepeatable: true }),
  };
}

function keyed(key: string = randomUUID()): Pick<ApiRequest, "headers" | "isRepeatable" | "method"> & object {
  return { method: "POST", headers: { "idempotency-key": key }, isRepeatable: true };
}

function taskPath(id: string): string {
  return `/api/tasks/${encodeURIComponent(id)}`;
}

function runPath(id: string): string {
  return `/api/runs/${encodeURIComponent(id)}`;
}

async function documentText(requests: Requests, ref: string | { blob: string }): Promise<string> {
  if (typeof ref === "string") return ref;
  return Buffer.from(await requests.bytes({ path: `/api/blobs/${ref.blob}` })).toString("utf8");
}
