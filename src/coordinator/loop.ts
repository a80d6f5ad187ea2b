/**
 * The loop: commands in, committed events out.
 *
 * A command is decided and folded at once, on the state as it will be; its events gather in the open record
 * while the record before it is being flushed. One flush then covers everything that came meanwhile, so the
 * busier the yard, the more events share a flush. The price: the state in memory runs ahead of the log, and
 * nothing computed from it may leave the process before the log has caught up. Hence `afterCommit`, which
 * every answer, frame and read goes through.
 *
 * An append whose answer was lost is sent again, the same bytes, until the log says won or lost. Lost, or a
 * broken engine, ends the loop: its state is worth nothing any more.
 */
import {
  beginRecord,
  decide,
  evolve,
  react,
  type Command,
  type Decision,
  type Effect,
  type Event,
  type State,
} from "../core/index.ts";
import { sealRecord, type EventLog, type SealedRecord, type Tip } from "../log/index.ts";
import type { Clock, Random } from "../ports/index.ts";

/** What the log accepts in one record, with room for the record's own fields. */
const RECORD_EVENTS = 2_000;
const RECORD_BYTES = 480 * 1024;
const RETRY_APPEND_MS = 50;

export class LoopEnded extends Error {
  override readonly name = "LoopEnded";
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface Committed {
  readonly position: number;
  readonly at: number;
  readonly events: readonly Event[];
}

export interface LoopOptions {
  state: State;
  tip: Tip;
  log: EventLog;
  clock: Clock;
  random: Random;
  clusterId: string;
  /** Called before a record is sealed: the place for proposals that should share it. */
  beforeSeal?: () => void;
  onEffects: (effects: readonly Effect[]) => void;
  onCommitted?: (committed: Committed) => void;
  /** A record became durable. */
  onAppended?: (append: { durationMs: number; sizeBytes: number }) => void;
  /** Called after every event folded, before it is durable: the place for checks. */
  onFolded?: (event: Event, state: State) => void;
  /** The loop has ended by itself; nothing further will be committed. */
  onEnded: (error: LoopEnded) => void;
}

interface Waiter {
  done: () => void;
  failed: (error: LoopEnded) => void;
}

interface OpenRecord {
  position: number;
  at: number;
  events: Event[];
  json: string[];
  bytes: number;
  effects: Effect[];
  waiters: Waiter[];
}

interface Encoded {
  event: Event;
  text: string;
  bytes: number;
}

type QueuedRecord = OpenRecord & { sealed: SealedRecord };

export class Loop {
  readonly state: State;
  readonly #options: LoopOptions;
  #open: OpenRecord;
  readonly #queue: QueuedRecord[] = [];
  #lastHash: string;
  #appending = false;
  #pumpPlanned = false;
  #ended: LoopEnded | null = null;
  /** Commits up to here are durable. */
  #committed: number;
  #revision = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.state = options.state;
    this.#lastHash = options.tip.hash;
    this.#committed = options.tip.position;
    this.#open = this.#newRecord(options.tip.position + 1);
  }

  /** Position of the newest durable record. */
  get committedPosition(): number {
    return this.#committed;
  }

  /** Whether everything decided so far is durable. */
  get isSettled(): boolean {
    return this.#open.events.length === 0 && this.#queue.length === 0;
  }

  /** Changes with every event. */
  get revision(): number {
    return this.#revision;
  }

  /** Time as the next event will carry it. */
  get now(): number {
    return this.#freshRecord().at;
  }

  /** Decides and folds. The decision must not leave the process but through `afterCommit`. */
  execute(command: Command): Decision {
    if (this.#ended !== null) throw this.#ended;
    const record = this.#freshRecord();
    const decision = decide(this.state, command, record.at);
    if (decision.kind === "accepted") this.#take(decision.events);
    return decision;
  }

  /** Calls once everything decided so far is durable; at once when it is. */
  afterCommit(done: () => void, failed: (error: LoopEnded) => void = () => {}): void {
    if (this.#ended !== null) return failed(this.#ended);
    const record = this.#open.events.length > 0 ? this.#open : this.#queue.at(-1);
    if (record === undefined) return done();
    record.waiters.push({ done, failed });
  }

  /** As `afterCommit`, as a promise. */
  committed(): Promise<void> {
    return new Promise((resolve, reject) => this.afterCommit(resolve, reject));
  }

  /** A value computed from the state now, handed out when that state is durable. */
  async read<T>(compute: (state: State) => T): Promise<T> {
    const value = compute(this.state);
    await this.committed();
    return value;
  }

  /** Ends the loop without a word to the log. What waits is told. */
  end(error: LoopEnded): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    for (const record of [...this.#queue, this.#open])
      for (const waiter of record.waiters) waiter.failed(error);
    this.#queue.length = 0;
  }

  #newRecord(position: number, time = this.#options.clock.now()): OpenRecord {
    const at = Math.max(this.state.at, time);
    beginRecord(this.state, { position, at });
    return { position, at, events: [], json: [], bytes: 0, effects: [], waiters: [] };
  }

  /** The open record; while it is empty its time moves on with the clock. */
  #freshRecord(): OpenRecord {
    if (this.#open.events.length === 0) {
      this.#open.at = Math.max(this.state.at, this.#options.clock.now());
      beginRecord(this.state, this.#open);
    }
    return this.#open;
  }

  /** A decision that fits into one record stands in one, so that no crash can come between its events. */
  #take(events: readonly Event[]): void {
    const encoded = events.map((event) => encode(event));
    const bytes = encoded.reduce((sum, each) => sum + each.bytes, 0);
    if (!this.#hasRoom(events.length, bytes)) this.#roll();
    for (const each of encoded) this.#add(each);
  }

  #hasRoom(events: number, bytes: number): boolean {
    const { events: held, bytes: heldBytes } = this.#open;
    return held.length + events <= RECORD_EVENTS && heldBytes + bytes <= RECORD_BYTES;
  }

  /** Closes the open record; the next one has the same time, because what goes into it was decided for it. */
  #roll(): void {
    if (this.#open.events.length > 0) this.#seal(this.#open.at);
  }

  #add({ event, text, bytes }: Encoded): void {
    if (!this.#hasRoom(1, bytes)) this.#roll();
    const record = this.#open;
    evolve(this.state, event);
    this.#revision += 1;
    this.#options.onFolded?.(event, this.state);
    record.events.push(event);
    record.json.push(text);
    record.bytes += bytes;
    record.effects.push(...react(event, this.state));
    this.#plan();
  }

  #plan(): void {
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    this.#options.clock.soon(() => {
      this.#pumpPlanned = false;
      this.#pump();
    });
  }

  /** Asks for a turn of the loop although no command came: a proposal may be due. */
  wake(): void {
    this.#plan();
  }

  #pump(): void {
    if (this.#appending || this.#ended !== null) return;
    if (this.#queue.length === 0) {
      this.#options.beforeSeal?.();
      if (this.#open.events.length > 0) this.#seal();
    }
    const next = this.#queue[0];
    if (next === undefined) return;
    this.#appending = true;
    this.#append(next);
  }

  #seal(nextAt = this.#options.clock.now()): void {
    const { clusterId, random } = this.#options;
    const record = this.#open;
    const header = {
      cluster_id: clusterId,
      position: record.position,
      epoch: this.state.epoch,
      batch_id: Buffer.from(random.bytes(12)).toString("base64url"),
      prev_hash: this.#lastHash,
      at: record.at,
    };
    const sealed = sealRecord(header, record.json);
    this.#lastHash = sealed.hash;
    this.#queue.push({ ...record, sealed });
    this.#open = this.#newRecord(record.position + 1, nextAt);
  }

  #append(record: QueuedRecord): void {
    const { log, clock, onAppended } = this.#options;
    const begun = clock.monotonic();
    log.append(record.sealed).then(
      (result) => {
        if (this.#ended !== null) return;
        if (result.kind === "unknown") clock.after(RETRY_APPEND_MS, () => this.#append(record));
        else if (result.kind === "lost")
          this.#fail(new LoopEnded("not_leader", "another coordinator leads now"));
        else {
          onAppended?.({
            durationMs: clock.monotonic() - begun,
            sizeBytes: record.sealed.bytes.length,
          });
          this.#won(record);
        }
      },
      (cause: unknown) => this.#fail(engineFailure(cause)),
    );
  }

  #won(record: QueuedRecord): void {
    this.#queue.shift();
    this.#appending = false;
    this.#committed = record.position;
    this.#options.onCommitted?.(record);
    // Waiters before effects: a session that this record opens must be open before the record's frames are
    // sent.
    for (const waiter of record.waiters) waiter.done();
    this.#options.onEffects(record.effects);
    this.#pump();
  }

  #fail(error: LoopEnded): void {
    if (this.#ended !== null) return;
    this.end(error);
    this.#options.onEnded(error);
  }
}

function encode(event: Event): Encoded {
  const text = JSON.stringify(event);
  return { event, text, bytes: Buffer.byteLength(text) };
}

function engineFailure(cause: unknown): LoopEnded {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "log_failed";
  const message = cause instanceof Error ? cause.message : String(cause);
  return new LoopEnded(code, message, cause);
}
