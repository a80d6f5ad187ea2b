/**
 * The everyday command: find the suites, ship the tree, run everything, one verdict.
 *
 * What does not depend on each other goes on at the same time: while the yard of this run comes up, the
 * frameworks list their files and the tree is hashed.
 */
import { posix, resolve } from "node:path";
import type { Client } from "../../client/index.ts";
import { uploadWorkspace, type WorkspaceScan } from "../../workspace/index.ts";
import { clientFor, httpUrl, DEFAULT_URL } from "../connection.ts";
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { onInterrupt } from "../interrupt.ts";
import { say } from "../io.ts";
import { defaultSlots, defaultWorkers, type Yard } from "../yard/yard.ts";
import { conclude } from "./conclude.ts";
import { discoverAll, leftOutLine, problemsOf, scan, shippedLine, suiteLines } from "./discover.ts";
import { startEmbedded } from "./embedded.ts";
import { followRun, type FollowEnd } from "./follow.ts";
import { startProgress } from "./progress.ts";
import type { ReportFormat } from "./reports.ts";
import { RunBook } from "./run-book.ts";
import { findSuites, workspaceOf, type FoundSuite } from "./suites.ts";
import { planTasks, type TaskPlan } from "./tasks.ts";

export interface RunFlags {
  coordinator?: string;
  dataDir?: string;
  root?: string;
  workers?: number;
  slots?: number;
  onlyTracked?: true;
  project?: string;
  retries: number;
  timeout?: number;
  placementTimeout: number;
  env?: Record<string, string>;
  args?: string[];
  report?: ReportFormat[];
  reportDir?: string;
  json?: true;
}

export async function run(paths: readonly string[], flags: RunFlags): Promise<number> {
  const startedAt = Date.now();
  const interrupt = onInterrupt();
  const workspace = flags.root === undefined ? workspaceOf(paths, process.cwd()) : resolve(flags.root);
  const suites = await findSuites(workspace, paths);
  if (suites.length === 0) throw nothingFound(paths);
  const yard = openYard(workspace, flags);
  try {
    const [found, scanned, { client, slots }] = await Promise.all([
      discoverAll(suites),
      scan(workspace, { onlyTracked: flags.onlyTracked === true }),
      yard,
    ]);
    for (const line of [...suiteLines(found), leftOutLine(scanned)]) if (line !== null) say(line);
    if (interrupt.signal.aborted) return EXIT.interrupted;
    const session: Session = {
      client,
      slots,
      workspace,
      scanned,
      found,
      flags,
      startedAt,
      signal: interrupt.signal,
    };
    return await submitAndFollow(session);
  } finally {
    interrupt.dispose();
    await (await yard.catch(() => null))?.close();
  }
}

interface OpenYard {
  client: Client;
  slots: number;
  close(): Promise<void>;
}

async function openYard(workspace: string, flags: RunFlags): Promise<OpenYard> {
  if (isEmbedded(flags)) {
    const workers = flags.workers ?? defaultWorkers();
    const slots = flags.slots ?? defaultSlots(workers);
    const yard: Yard = await startEmbedded(workspace, { workers, slots, onNote: say });
    return yard;
  }
  const client = await clientFor(flags);
  const online = (await client.workers()).filter(
    ({ state, cordoned }) => state === "online" && cordoned === null,
  );
  const slots = online.reduce((sum, worker) => sum + worker.slots, 0);
  return { client, slots: Math.max(1, slots), close: () => Promise.resolve() };
}

function isEmbedded(flags: RunFlags): boolean {
  return flags.coordinator === undefined && (process.env["TESTYARD_COORDINATOR"] ?? "") === "";
}

interface Session {
  client: Client;
  slots: number;
  workspace: string;
  scanned: WorkspaceScan;
  found: FoundSuite[];
  flags: RunFlags;
  startedAt: number;
  signal: AbortSignal;
}

async function submitAndFollow(session: Session): Promise<number> {
  const { client, workspace, flags, found, startedAt } = session;
  const plans = await plan(session);
  const problems = problemsOf(found);
  const name = nameOf(workspace);
  if (plans.length === 0) {
    const book = new RunBook([], (ref) => client.document(ref));
    const run = { run_id: "", name, project: flags.project ?? "default", url: null };
    return conclude({ run, startedAt, book, problems, workspace, coordinator: null, flags });
  }
  await upload(session);
  const { position } = await client.status();
  const answer = await client.submitTasks(
    plans.map(({ input }) => input),
    { run: { name }, ...(flags.project !== undefined && { project: flags.project }) },
  );
  const tasks = plans.map(({ book }, i) => ({ ...book, task_id: answer.task_ids[i] ?? "" }));
  const book = new RunBook(tasks, (ref) => client.document(ref));
  const { end } = await follow(session, { book, runId: answer.run_id, from: position });
  if (end === "interrupted") return interrupted(answer.run_id, session);
  if (end === "unplaceable") await client.cancelRun(answer.run_id);
  const run = { run_id: answer.run_id, name, project: flags.project ?? "default", url: null };
  const coordinator = isEmbedded(flags) ? null : { flag: coordinatorFlag(flags) };
  return conclude({ run, startedAt, book, problems, workspace, coordinator, flags });
}

async function follow(
  { client, flags, signal }: Session,
  what: { book: RunBook; runId: string; from: number },
): Promise<{ end: FollowEnd }> {
  const progress = startProgress(what.book);
  try {
    const end = await followRun({
      ...{ client, progress, signal, ...what },
      placementTimeoutMs: flags.placementTimeout,
    });
    return { end };
  } finally {
    progress.stop();
  }
}

async function plan(session: Session): Promise<TaskPlan[]> {
  const { client, found, flags, slots, scanned } = session;
  const durations = new Map<FoundSuite, ReadonlyMap<string, number>>();
  for (const suite of found) {
    const learned = await client.durations({
      project: flags.project ?? "default",
      framework: suite.adapter.name,
      suite: suite.suite,
    });
    // Learned by their place in the workspace, asked for by their place in the suite.
    durations.set(
      suite,
      new Map(learned.map(({ file, duration_ms }) => [posix.relative(suite.suite, file), duration_ms])),
    );
  }
  return planTasks(found, {
    ...{ slots, treeHash: scanned.treeHash, retries: flags.retries },
    timeoutMs: flags.timeout ?? null,
    args: flags.args ?? [],
    env: flags.env ?? {},
    durationsOf: (suite) => durations.get(suite) ?? new Map(),
  });
}

async function upload({ client, scanned, workspace }: Session): Promise<void> {
  const since = performance.now();
  const report = await uploadWorkspace({ scan: scanned, root: workspace, transport: client.blobTransport() });
  say(shippedLine(scanned, { uploadedBytes: report.uploadedBytes, ms: performance.now() - since }));
}

function interrupted(runId: string, { flags }: Session): number {
  if (isEmbedded(flags)) say("interrupted; the yard of this run is stopped");
  else {
    const flag = coordinatorFlag(flags);
    say(`detached; the run goes on. Back to it: testyard run --attach ${runId}${flag}`);
    say(`or stop it: testyard cancel --run ${runId}${flag}`);
  }
  return EXIT.interrupted;
}

export function coordinatorFlag(flags: { coordinator?: string | undefined }): string {
  const url = flags.coordinator ?? process.env["TESTYARD_COORDINATOR"] ?? DEFAULT_URL;
  return httpUrl(url) === DEFAULT_URL ? "" : ` --coordinator ${httpUrl(url)}`;
}

function nameOf(workspace: string): string {
  return workspace.split(/[\\/]/).findLast((part) => part !== "") ?? workspace;
}

function nothingFound(paths: readonly string[]): CliError {
  return new CliError({
    code: "nothing_found",
    exit: EXIT.nothingRan,
    message: `no test suite under ${paths.join(", ")}: none of pytest, node:test and vitest recognises it`,
    next: "name the folder of a suite, or run a command with: testyard submit --task FILE",
  });
}
