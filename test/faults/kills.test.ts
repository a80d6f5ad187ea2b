/**
 * `kill -9` of the coordinator, of a worker, of both, at random moments of a run. Every attempt appends its
 * name to a file of its own accord, so what really ran is known from outside.
 *
 * The short form runs with the other tests; `npm run faults` runs the long one (2,000 tasks, 20 kills).
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, type Client } from "../../src/client/index.ts";
import { createPrng } from "../../src/core/index.ts";
import { decodeRecord, openLmdbLog } from "../../src/log/index.ts";
import { Home, type Started } from "../e2e/program.testing.ts";

const LONG = process.env["TESTYARD_FAULTS"] === "long";
const { tasks: TASKS, kills: KILLS } = LONG ? { tasks: 2_000, kills: 20 } : { tasks: 240, kills: 4 };
const SEED = Number(process.env["TESTYARD_FAULTS_SEED"] ?? 1);
const WORKERS = ["w1", "w2", "w3"];
const RECORD = join(import.meta.dirname, "../../docs/measurements/faults.txt");

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.remove());

/** The processes of one yard, each of which may be killed and started again in its place. */
class Victims {
  #coordinator: (Started & { url: string }) | null = null;
  readonly #workers = new Map<string, Started>();

  get url(): string {
    return this.#coordinator?.url ?? "";
  }

  async startCoordinator(): Promise<void> {
    const port = this.url === "" ? [] : ["--port", new URL(this.url).port];
    this.#coordinator = await home.coordinator(port);
  }

  async startWorker(id: string): Promise<void> {
    this.#workers.set(id, await home.worker(this.url, id, ["--slots", "2"]));
  }

  async kill(target: Target, worker: string): Promise<void> {
    const coordinator = target === "worker" ? null : this.#coordinator;
    const victims = [coordinator, target === "coordinator" ? null : this.#workers.get(worker)];
    const living = victims.filter((victim) => victim !== null && victim !== undefined);
    for (const victim of living) victim.child.kill("SIGKILL");
    await Promise.all(living.map(({ ended }) => ended));
    if (target !== "worker") await this.startCoordinator();
    if (target !== "coordinator") await this.startWorker(worker);
  }
}

type Target = "coordinator" | "worker" | "both";

test(`${KILLS} kills in a run of ${TASKS} tasks lose nothing and count nothing twice`, async () => {
  const victims = new Victims();
  await victims.startCoordinator();
  await Promise.all(WORKERS.map((id) => victims.startWorker(id)));
  const client = connect({ url: victims.url, key: home.read("yard/client-key").trim() });
  const run = await submit(client);
  const counts = await killAlong(victims, client, run);
  const history = await historyOf();
  checkLedger(history);
  const verified = await home.run(["verify", "--data-dir", home.path("yard"), "--json"]);
  const proof = JSON.parse(verified.stdout) as { lost: number; duplicated: number; ok: boolean };
  const { lost, duplicated } = proof;
  const verdict = { seed: SEED, tasks: TASKS, kills: KILLS, ...counts, ...history.numbers, lost, duplicated };
  const line = `verdict: ${JSON.stringify(verdict)}`;
  console.log(line);
  if (LONG) appendFileSync(RECORD, `${line}\n`);
  expect(proof).toMatchObject({ lost: 0, duplicated: 0, ok: true });
  expect(history.ended.size).toBe(TASKS);
  expect(verified.code).toBe(0);
}, 600_000);

async function submit(client: Client): Promise<{ run_id: string; position: number }> {
  const { run_id, position } = await client.openRun({ name: "kills" });
  const shell = `echo "$TESTYARD_TASK_ID $TESTYARD_ATTEMPT" >> '${home.path("ledger")}'`;
  const task = { type: "command" as const, config: { shell } };
  for (let sent = 0; sent < TASKS; sent += 500) {
    const batch = Array.from({ length: Math.min(500, TASKS - sent) }, () => task);
    await client.submitTasks(batch, { run_id });
  }
  return { run_id, position };
}

/** Kills whenever the run has come to the next of some random points, and follows the run to its end. */
async function killAlong(victims: Victims, client: Client, run: { run_id: string; position: number }) {
  const prng = createPrng(SEED);
  const moments = Array.from({ length: KILLS }, () => prng.below(Math.floor(TASKS * 0.9))).sort(
    (a, b) => a - b,
  );
  const counts = { coordinator_kills: 0, worker_kills: 0, both_kills: 0 };
  let ended = 0;
  for await (const item of client.feed(run.run_id, { from: run.position })) {
    if (item.kind !== "task_ended") continue;
    ended += 1;
    if (ended === TASKS) return counts;
    while (moments.length > 0 && ended >= (moments[0] ?? 0)) {
      moments.shift();
      const target = prng.pick(["coordinator", "worker", "both"] as const);
      const worker = prng.pick(WORKERS);
      counts[`${target}_kills`] += 1;
      await victims.kill(target, worker);
    }
  }
  throw new Error("the feed ended before the run");
}

interface History {
  /** `task attempt` of each result that became an outcome or led to a retry. */
  accepted: Set<string>;
  lost: Set<string>;
  ended: Map<string, string>;
  numbers: { attempts_lost: number; results_refused: number };
}

/** What the log says, read as any other process may read it. */
async function historyOf(): Promise<History> {
  const history: History = {
    accepted: new Set(),
    lost: new Set(),
    ended: new Map(),
    numbers: { attempts_lost: 0, results_refused: 0 },
  };
  const log = await openLmdbLog({ dir: home.path("yard/log"), readOnly: true });
  for await (const stored of log.read(await log.first())) {
    for (const event of decodeRecord(stored).events) {
      if (event.type === "AttemptFinished") history.accepted.add(`${event.task_id} ${event.lease.attempt}`);
      if (event.type === "AttemptFinished" && event.next.state !== "retry")
        history.ended.set(event.task_id, event.next.state);
      if (event.type === "AttemptLost") history.lost.add(`${event.task_id} ${event.lease.attempt}`);
      if (event.type === "AttemptLost") history.numbers.attempts_lost += 1;
      if (event.type === "ResultRefused") history.numbers.results_refused += 1;
    }
  }
  await log.close();
  return history;
}

/** Every accepted attempt stands in the file exactly once; any other belongs to a lost attempt. */
function checkLedger(history: History): void {
  const lines = home.read("ledger").trimEnd().split("\n");
  const times = new Map<string, number>();
  for (const line of lines) times.set(line, (times.get(line) ?? 0) + 1);
  const missing = [...history.accepted].filter((attempt) => times.get(attempt) !== 1);
  expect(missing, "accepted attempts that do not stand in the file exactly once").toEqual([]);
  const extra = [...times.keys()].filter(
    (attempt) => !history.accepted.has(attempt) && !history.lost.has(attempt),
  );
  expect(extra, "attempts in the file that were neither accepted nor lost").toEqual([]);
}
