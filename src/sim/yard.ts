/**
 * A whole yard in one process: log, coordinator, workers and clients, each on a simulated machine, all
 * running the real code. What is simulated is what is not ours: time, network, disk, processes.
 */
import { createHash } from "node:crypto";
import {
  createPrng,
  createState,
  restoreState,
  saveState,
  type Event,
  type Prng,
  type State,
} from "../core/index.ts";
import { Coordinator, DEFAULT_SETTINGS, type CoordinatorSettings } from "../coordinator/index.ts";
import {
  createMemoryStore,
  decodeRecord,
  foldLog,
  GENESIS,
  type EventLog,
  type MemoryLog,
  type MemoryStore,
  type Tip,
} from "../log/index.ts";
import { silentLogger } from "../ports/index.ts";
import { Agent } from "../worker/index.ts";
import { Checker } from "./checker.ts";
import type { Coverage } from "./coverage.ts";
import { Network } from "./network.ts";
import { SimNode } from "./node.ts";
import { createSimExecutor } from "./sim-executor.ts";
import { SimDisk } from "./sim-spool.ts";
import { VirtualTime } from "./virtual-time.ts";

const COORDINATOR_URL = "sim://coordinator";
const CLUSTER = "simulated";
const SECRET = new Uint8Array(32).fill(7);

export interface SimWorker {
  readonly id: string;
  readonly node: SimNode;
  readonly disk: SimDisk;
  agent: Agent | null;
  lives: number;
}

export class Yard {
  readonly time = new VirtualTime();
  readonly prng: Prng;
  readonly network: Network;
  readonly checker: Checker;
  readonly coverage: Coverage;
  readonly workers: SimWorker[] = [];
  readonly coordinatorNode: SimNode;
  readonly settings: CoordinatorSettings;
  /** Chance that an append's answer is lost; the faults set it. */
  ackLostShare = 0;
  coordinator: Coordinator | null = null;
  readonly #store: MemoryStore;
  #handle: MemoryLog | null = null;
  #snapshot: { lines: string[]; tip: Tip } | null = null;
  #appending = 0;

  constructor(seed: number, coverage: Coverage) {
    this.prng = createPrng(seed);
    this.coverage = coverage;
    this.checker = new Checker(coverage);
    this.network = new Network(this.time, this.prng, (from, to, text) => {
      if (from === "coordinator") this.checker.sent(to, text);
    });
    this.coordinatorNode = new SimNode("coordinator", this.time, this.prng);
    this.settings = { ...DEFAULT_SETTINGS, keepEndedMs: 20_000, keepEndedTasks: 30 };
    const clock = {
      now: () => this.time.now,
      monotonic: () => this.time.now,
      after: (delayMs: number, call: () => void) => this.time.after(delayMs, call),
      soon: (call: () => void) => void this.time.after(0, call),
    };
    this.#store = createMemoryStore({
      flush: { clock, delayMs: () => 0.5 + this.prng.unit() ** 4 * 40 },
      fault: () => {
        if (!this.prng.chance(this.ackLostShare)) return { kind: "none" };
        const lands = this.prng.pick(["now", "later", "never"] as const);
        const landed = lands === "never" ? "had not landed" : "had landed";
        this.coverage.reached(`an append whose answer was lost ${landed}`);
        return { kind: "ack_lost", lands };
      },
    });
  }

  addWorker(options: { slots: number }): void {
    const id = `w${this.workers.length + 1}`;
    const node = new SimNode(id, this.time, this.prng);
    const worker: SimWorker = { id, node, disk: new SimDisk(), agent: null, lives: 0 };
    this.workers.push(worker);
    this.bootWorker(worker, options);
  }

  bootWorker(worker: SimWorker, { slots }: { slots: number }): void {
    const { node, id, disk } = worker;
    node.boot();
    worker.lives += 1;
    const { clock, random } = node;
    worker.agent = new Agent({
      workerId: id,
      incarnation: `${id}-${worker.lives}`,
      slots,
      labels: { pool: "default" },
      capabilities: simCapabilities(id),
      urls: [COORDINATOR_URL],
      secret: SECRET,
      clock,
      random,
      dialer: this.network.dialer(node),
      spool: disk.spool(clock, () => 0.2 + this.prng.unit() * 3),
      executor: createSimExecutor({
        workerId: id,
        clock,
        onStart: (run) => this.checker.started(run),
        onCancel: (reason) => {
          if (reason.startsWith("the lease ends"))
            this.coverage.reached("an attempt was ended because its lease ended");
        },
      }),
      logger: silentLogger,
      load: () => ({ cpu_share: 0.5, memory_free_mb: 1024 }),
    });
    void worker.agent.start();
  }

  crashWorker(worker: SimWorker): void {
    worker.node.crash();
    worker.agent = null;
    this.checker.ended(worker.id, this.time.now);
  }

  /** Folds the log, from the last snapshot where there is one, and leads. */
  async bootCoordinator(): Promise<void> {
    const node = this.coordinatorNode;
    node.boot();
    const handle = this.#store.open();
    this.#handle = handle;
    const { state, tip } = await this.#load(handle);
    await this.#catchUp(handle);
    const { clock, random } = node;
    const coordinator = new Coordinator({
      state,
      tip,
      log: this.#inNode(handle, node),
      clusterId: CLUSTER,
      identity: {
        coordinator_id: "c1",
        incarnation: `c1-${this.time.now}`,
        host: "sim",
        pid: 1,
        pid_started: "0",
      },
      secret: SECRET,
      clock,
      random,
      logger: silentLogger,
      settings: this.settings,
      hash: (text) => createHash("sha256").update(text).digest("hex"),
      projectedPosition: () => this.checker.committedPosition,
      onFolded: (event, folded) => this.checker.folded(event, folded),
      onCommitted: ({ position, events }) => this.#committed(position, events),
      onEnded: (error) => {
        throw error;
      },
    });
    this.coordinator = coordinator;
    node.onCrash(() => {
      this.coordinator = null;
    });
    const start = coordinator.start();
    this.network.listen(COORDINATOR_URL, node, (connection) => coordinator.accept(connection));
    start.catch(() => {});
  }

  #committed(position: number, events: readonly Event[]): void {
    this.checker.committed(position, events);
    for (const event of events) {
      if (event.type !== "AttemptFinished") continue;
      const worker = this.workers.find(({ id }) => id === event.lease.worker_id);
      const isFormer = worker !== undefined && event.lease.incarnation !== `${worker.id}-${worker.lives}`;
      if (isFormer) this.coverage.reached("a result of a former process was accepted");
    }
  }

  /** kill -9: what the disk has taken stays. With a lost cache, what was not flushed is gone as well. */
  crashCoordinator({ cacheLost }: { cacheLost: boolean }): void {
    if (this.#appending > 0) this.coverage.reached("a coordinator crashed with an append in flight");
    this.#appending = 0;
    if (cacheLost) this.#handle?.crash();
    this.coordinatorNode.crash();
  }

  get isAppending(): boolean {
    return this.#appending > 0;
  }

  takeSnapshot(): void {
    const { coordinator } = this;
    if (coordinator === null || this.#appending > 0) return;
    void this.#fold().then(({ state, tip }) => {
      this.#snapshot = { lines: [...saveState(state)].map((line) => JSON.stringify(line)), tip };
    });
  }

  /** The whole log, folded anew. */
  #fold(): Promise<{ state: State; tip: Tip }> {
    return this.#replay(this.#store.open());
  }

  async foldedState(): Promise<State> {
    return (await this.#fold()).state;
  }

  async #replay(log: EventLog): Promise<{ state: State; tip: Tip }> {
    const state = createState();
    const tip = await foldLog(log, state, { after: GENESIS });
    return { state, tip };
  }

  async #load(log: EventLog): Promise<{ state: State; tip: Tip }> {
    const snapshot = this.#snapshot;
    if (snapshot === null || this.prng.chance(0.3)) return this.#replay(log);
    this.coverage.reached("a coordinator started from a snapshot");
    const state = restoreState(snapshot.lines.map((line) => JSON.parse(line)));
    const tip = await foldLog(log, state, { after: snapshot.tip });
    return { state, tip };
  }

  /** Records that landed while nobody heard of it: the former coordinator crashed before its answer. */
  async #catchUp(log: EventLog): Promise<void> {
    for await (const stored of log.read(this.checker.committedPosition + 1)) {
      this.#committed(stored.position, decodeRecord(stored).events);
    }
  }

  /** The log as one process sees it: its answers wait while the process is paused, and die with it. */
  #inNode(log: MemoryLog, node: SimNode): EventLog {
    return {
      append: (record) =>
        new Promise((resolve, reject) => {
          this.#appending += 1;
          let settle = (): void => {};
          const answer = node.guard(() => {
            this.#appending -= 1;
            settle();
          });
          log.append(record).then(
            (result) => {
              settle = () => resolve(result);
              answer();
            },
            (cause: unknown) => {
              settle = () => reject(cause as Error);
              answer();
            },
          );
        }),
      tip: () => log.tip(),
      first: () => log.first(),
      read: (from) => log.read(from),
      tail: (from, onRecord) => log.tail(from, onRecord),
      truncateBefore: (position) => log.truncateBefore(position),
      close: () => log.close(),
    };
  }
}

function simCapabilities(id: string): ConstructorParameters<typeof Agent>[0]["capabilities"] {
  return {
    hostname: id,
    os: "linux",
    os_version: "1",
    arch: "x64",
    cpu: { model: "simulated", physical_cores: 4, logical_cores: 4 },
    memory_mb: 8192,
    gpus: [],
    hardware: ["cpu"],
    browsers: {},
    runtimes: { node: "20.20.0" },
  };
}
