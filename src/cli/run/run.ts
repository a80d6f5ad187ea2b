/**
 * The everyday command: find the suites, ship the tree, run everything, one verdict.
 *
 * What does not depend on each other goes on at the same time: while the yard of this run comes up, the
 * frameworks list their files and the tree is hashed.
 */
import { resolve } from "node:path";
import { adapters } from "../../adapters/index.ts";
import type { Client } from "../../client/index.ts";
import { uploadWorkspace, type WorkspaceScan } from "../../workspace/index.ts";
import { clientFor, httpUrl, DEFAULT_URL } from "../connection.ts";
import { CliError, usage } from "../errors.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { onInterrupt } from "../interrupt.ts";
import { say } from "../io.ts";
import { defaultSlots, defaultWorkers } from "../yard/yard.ts";
import { conclude } from "./conclude.ts";
import { discoverAll, leftOutLine, problemsOf, scan, shippedLine, suiteLines } from "./discover.ts";
import { startEmbedded } from "./embedded.ts";
import { followRun, type FollowEnd } from "./follow.ts";
import { planRun, type PlanFlags } from "./plan.ts";
import { startProgress } from "./progress.ts";
import type { ReportFormat } from "./reports.ts";
import { RunBook } from "./run-book.ts";
import { findSuites, workspaceOf, type FoundSuite, type Suite } from "./suites.ts";
import { startWait } from "./wait.ts";

export interface RunFlags extends PlanFlags {
  coordinator?: string;
  dataDir?: string;
  clientKey?: string;
  root?: string;
  workers?: number;
  slots?: number;
  onlyTracked?: true;
  placementTimeout: number;
  /** Milliseconds. */
  waitTimeout?: number;
  report?: ReportFormat[];
  reportDir?: string;
  json?: true;
}

export async function run(paths: readonly string[], flags: RunFlags): Promise<number> {
  const interrupt = onInterrupt();
  const workspace = flags.root === undefined ? workspaceOf(paths, process.cwd()) : resolve(flags.root);
  // Looked for first: where nothing is found no yard need come up.
  const suites = flags.command === undefined ? await suitesUnder(workspace, paths) : [];
  const opening = openYard(workspace, flags);
  try {
    return await runSuites(opening, { workspace, suites, flags, signal: interrupt.signal });
  } finally {
    interrupt.dispose();
    await (await opening.catch(() => null))?.close();
  }
}

/** The same in a yard that is there already. */
export async function runIn(
  yard: RunYard,
  work: Omit<Work, "suites"> & { paths: readonly string[] },
): Promise<number> {
  const suites = await suitesUnder(work.workspace, work.paths);
  return runSuites(Promise.resolve(yard), { ...work, suites });
}

async function suitesUnder(workspace: string, paths: readonly string[]): Promise<Suite[]> {
  const suites = await findSuites(workspace, paths);
  if (suites.length === 0) throw nothingFound(paths);
  return suites;
}

export interface RunYard {
  client: Client;
  slots: number;
  /** How other commands reach it; null when it goes with the run. */
  coordinator: { flag: string } | null;
}

interface Work {
  workspace: string;
  suites: readonly Suite[];
  flags: RunFlags;
  signal: AbortSignal;
}

interface Session extends RunYard, Omit<Work, "suites"> {
  scanned: WorkspaceScan;
  found: FoundSuite[];
  startedAt: number;
}

async function openYard(workspace: string, flags: RunFlags): Promise<RunYard & { close(): Promise<void> }> {
  if (flags.coordinator === undefined) {
    const workers = flags.workers ?? defaultWorkers();
    const slots = flags.slots ?? defaultSlots(workers);
    const yard = await startEmbedded(workspace, { workers, slots, onNote: say });
    return { client: yard.client, slots: yard.slots, coordinator: null, close: () => yard.close() };
  }
  if (flags.workers !== undefined || flags.slots !== undefined) {
    throw usage("--workers and --slots are of a yard on this machine; that of --coordinator has its own");
  }
  const client = await clientFor(flags);
  const online = (await client.workers()).filter(
    ({ state, cordoned }) => state === "online" && cordoned === null,
  );
  const slots = online.reduce((sum, worker) => sum + worker.slots, 0);
  const coordinator = { flag: coordinatorFlag(flags) };
  return { client, slots: Math.max(1, slots), coordinator, close: () => Promise.resolve() };
}

async function runSuites(opening: Promise<RunYard>, work: Work): Promise<number> {
  const startedAt = Date.now();
  const { workspace, flags, signal } = work;
  const [found, scanned, yard] = await Promise.all([
    discoverAll(work.suites),
    scan(workspace, { onlyTracked: flags.onlyTracked === true }),
    opening,
  ]);
  for (const line of [...suiteLines(found), leftOutLine(scanned)]) if (line !== null) say(line);
  if (signal.aborted) return EXIT.interrupted;
  const { client, slots, coordinator } = yard;
  return submitAndFollow({ client, slots, coordinator, workspace, flags, signal, scanned, found, startedAt });
}

async function submitAndFollow(session: Session): Promise<number> {
  const { client, coordinator, flags, found } = session;
  const problems = problemsOf(found);
  const { plans, reused, notes, untouched } = await planRun(session);
  for (const note of notes) say(note);
  const project = flags.project ?? "default";
  const run = {
    run_id: "",
    name: nameOf(session.workspace),
    project,
    url: coordinator === null ? null : client.url,
  };
  const book = new RunBook([], (ref) => client.document(ref));
  for (const each of reused) book.reuse(each);
  if (plans.length === 0) {
    const empty = untouched && problems.length === 0 ? { emptyBecause: untouchedBy(flags) } : {};
    return conclude({ ...session, run, book, problems, endedAt: Date.now(), ...empty });
  }
  await upload(session);
  const { position } = await client.status();
  const answer = await client.submitTasks(
    plans.map(({ input }) => input),
    { run: { name: run.name }, project },
  );
  run.run_id = answer.run_id;
  for (const [i, { book: task }] of plans.entries()) book.add({ ...task, task_id: answer.task_ids[i] ?? "" });
  const end = await follow(session, { book, runId: answer.run_id, from: position });
  if (end !== "ended" && end !== "unplaceable") return stopped(end.code, { runId: answer.run_id, session });
  if (end === "unplaceable") await client.cancelRun(answer.run_id);
  return conclude({ ...session, run, book, problems, endedAt: Date.now() });
}

async function follow(
  { client, flags, signal }: Session,
  what: { book: RunBook; runId: string; from: number },
): Promise<Exclude<FollowEnd, "interrupted"> | { code: ExitCode }> {
  const progress = startProgress(what.book);
  const wait = startWait(signal, flags.waitTimeout);
  say(`live at ${client.url}/`);
  try {
    const placementTimeoutMs = flags.placementTimeout;
    const end = await followRun({ client, progress, ...what, placementTimeoutMs, signal: wait.signal });
    return end === "interrupted" ? { code: wait.code() } : end;
  } finally {
    progress.stop();
    wait.dispose();
  }
}

function untouchedBy({ since }: RunFlags): string {
  const why = `no test is touched by what changed since ${since}`;
  say(why);
  return why;
}

async function upload({ client, scanned, workspace }: Session): Promise<void> {
  const since = performance.now();
  const report = await uploadWorkspace({ scan: scanned, root: workspace, transport: client.blobTransport() });
  say(shippedLine(scanned, { uploadedBytes: report.uploadedBytes, ms: performance.now() - since }));
}

function stopped(code: ExitCode, { runId, session }: { runId: string; session: Session }): ExitCode {
  const { coordinator } = session;
  if (coordinator !== null) sayDetached(code, { runId, flag: coordinator.flag });
  else say(`${whyStopped(code)}; the yard of this run is stopped`);
  return code;
}

function whyStopped(code: ExitCode): string {
  return code === EXIT.waitTimedOut ? "the wait timed out" : "interrupted";
}

/** The wait is over and the run is not. */
export function sayDetached(code: ExitCode, { runId, flag }: { runId: string; flag: string }): void {
  const why = code === EXIT.waitTimedOut ? whyStopped(code) : "detached";
  say(`${why}; the run goes on. Back to it: testyard attach ${runId}${flag}`);
  say(`or stop it: testyard cancel --run ${runId}${flag}`);
}

export function coordinatorFlag(flags: { coordinator?: string | undefined }): string {
  const url = flags.coordinator ?? DEFAULT_URL;
  return httpUrl(url) === DEFAULT_URL ? "" : ` --coordinator ${httpUrl(url)}`;
}

function nameOf(workspace: string): string {
  return workspace.split(/[\\/]/).findLast((part) => part !== "") ?? workspace;
}

/** Those that a folder shows signs of. */
const FRAMEWORKS = adapters()
  .map(({ name }) => name)
  .filter((name) => !["junit", "tap", "command"].includes(name))
  .join(", ");

function nothingFound(paths: readonly string[]): CliError {
  return new CliError({
    code: "nothing_found",
    exit: EXIT.nothingRan,
    message: `no test suite under ${paths.join(", ")}: no framework recognises it (${FRAMEWORKS})`,
    next: 'name the folder of a suite, or a command: testyard run --command "make test" --reads junit',
  });
}
