/**
 * Connections between nodes as TCP gives them: ordered, nothing lost while the connection lives. A cut in one
 * direction holds what is sent that way until it heals; a crash closes the connection for the other side.
 */
import type { Prng } from "../core/index.ts";
import type { Connection, Dialer } from "../ports/index.ts";
import type { SimNode } from "./node.ts";
import type { VirtualTime } from "./virtual-time.ts";

interface Listener {
  node: SimNode;
  accept: (connection: Connection) => void;
}

export class Network {
  readonly #time: VirtualTime;
  readonly #prng: Prng;
  readonly #onSend: (from: string, to: string, text: string) => void;
  readonly #listeners = new Map<string, Listener>();
  /** `from>to` to the calls held while the way is cut. */
  readonly #cuts = new Map<string, (() => void)[]>();

  /** @param onSend sees every message */
  constructor(time: VirtualTime, prng: Prng, onSend: (from: string, to: string, text: string) => void) {
    this.#time = time;
    this.#prng = prng;
    this.#onSend = onSend;
  }

  listen(url: string, node: SimNode, accept: (connection: Connection) => void): void {
    this.#listeners.set(url, { node, accept });
    node.onCrash(() => this.#listeners.delete(url));
  }

  dialer(node: SimNode): Dialer {
    return {
      dial: (url) =>
        new Promise((resolve, reject) => {
          const refuse = node.guard(() => reject(new Error("connection refused")));
          const way = `${node.name}>${this.#listeners.get(url)?.node.name ?? ""}`;
          this.#carry(way, this.#latency(), () => {
            const listener = this.#listeners.get(url);
            if (listener === undefined || !listener.node.isUp)
              return this.#time.after(this.#latency(), refuse);
            const { near, far } = this.#connect(node, listener.node);
            listener.node.guard(() => listener.accept(far))();
            return this.#time.after(
              this.#latency(),
              node.guard(() => resolve(near)),
            );
          });
        }),
    };
  }

  /** Cuts one direction; what is sent meanwhile arrives when it heals. */
  cut(from: SimNode, to: SimNode, durationMs: number): void {
    const way = `${from.name}>${to.name}`;
    if (this.#cuts.has(way)) return;
    this.#cuts.set(way, []);
    this.#time.after(durationMs, () => this.#heal(way));
  }

  healAll(): void {
    for (const way of this.#cuts.keys()) this.#heal(way);
  }

  #heal(way: string): void {
    const held = this.#cuts.get(way) ?? [];
    this.#cuts.delete(way);
    for (const call of held) call();
  }

  #latency(): number {
    return 0.2 + this.#prng.unit() ** 3 * 20;
  }

  #carry(way: string, delayMs: number, call: () => void): void {
    this.#time.after(delayMs, () => {
      const held = this.#cuts.get(way);
      if (held === undefined) call();
      else held.push(call);
    });
  }

  #connect(a: SimNode, b: SimNode): { near: Connection; far: Connection } {
    const near = new SimConnection((text) => this.#send(near, far, text));
    const far = new SimConnection((text) => this.#send(far, near, text));
    for (const [end, node, other] of [
      [near, a, b],
      [far, b, a],
    ] as const) {
      end.bind(node, other);
      node.onCrash(() => end.drop(1006, "the other side is gone"));
    }
    return { near, far };
  }

  /** In order: a message never overtakes the one before it. */
  #send(from: SimConnection, to: SimConnection, text: string | { code: number; reason: string }): void {
    const arrival = Math.max(from.lastArrival, this.#time.now + this.#latency());
    from.lastArrival = arrival;
    if (typeof text === "string") this.#onSend(from.name, to.name, text);
    this.#carry(from.way, arrival - this.#time.now, () => to.arrive(text));
  }
}

type Parcel = string | { code: number; reason: string };

class SimConnection implements Connection {
  lastArrival = 0;
  way = "";
  name = "";
  #node: SimNode | null = null;
  readonly #transmit: (parcel: Parcel) => void;
  #onMessage: ((text: string) => void) | null = null;
  #onClose: ((code: number, reason: string) => void) | null = null;
  #unread: string[] = [];
  #state: "open" | "closing" | "closed" = "open";
  /** Runs a call in the process that this end belongs to. */
  #inside: (call: () => void) => void = () => {};

  constructor(transmit: (parcel: Parcel) => void) {
    this.#transmit = transmit;
  }

  bind(node: SimNode, other: SimNode): void {
    this.#node = node;
    this.name = node.name;
    this.way = `${node.name}>${other.name}`;
    // Bound to the life in which the connection was made.
    let queue: (() => void)[] = [];
    const drain = node.guard(() => {
      const calls = queue;
      queue = [];
      for (const call of calls) call();
    });
    this.#inside = (call) => {
      queue.push(call);
      drain();
    };
  }

  send(text: string): void {
    if (this.#state === "open" && this.#node?.isUp === true) this.#transmit(text);
  }

  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#transmit({ code, reason });
    this.#closed(code, reason);
  }

  /** This end's process died: the other end hears of it, this one nothing. */
  drop(code: number, reason: string): void {
    if (this.#state === "open") this.#transmit({ code, reason });
    this.#state = "closed";
  }

  bufferedBytes(): number {
    return 0;
  }

  onMessage(call: (text: string) => void): void {
    this.#onMessage = call;
    for (const text of this.#unread.splice(0)) call(text);
  }

  onClose(call: (code: number, reason: string) => void): void {
    this.#onClose = call;
  }

  arrive(parcel: Parcel): void {
    this.#inside(() => {
      if (this.#state !== "open") return;
      if (typeof parcel !== "string") return this.#closed(parcel.code, parcel.reason);
      if (this.#onMessage === null) this.#unread.push(parcel);
      else this.#onMessage(parcel);
    });
  }

  #closed(code: number, reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#onClose?.(code, reason);
  }
}
