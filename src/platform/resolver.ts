/**
 * Names to addresses, as the machine resolves them, its hosts file included.
 *
 * That takes a thread of the small pool that commits and files need too, and a name service that is silent
 * holds it for half a minute. So a name is asked for once however many want it, two names at a time and no
 * more, and nobody waits for longer than the limit.
 */
import { lookup } from "node:dns/promises";
import type { Resolver } from "../ports/index.ts";

type Addresses = Promise<string[]>;

interface Options {
  ask?: (host: string) => Addresses;
  limitMs?: number;
}

const AT_A_TIME = 2;
const LIMIT_MS = 5_000;

export function createResolver({ ask = askSystem, limitMs = LIMIT_MS }: Options = {}): Resolver {
  const asked = new Map<string, Addresses>();
  const free = new Set<() => void>();
  let out = 0;
  const take = async (host: string): Addresses => {
    if (out < AT_A_TIME) out += 1;
    else await new Promise<void>((resolve) => free.add(resolve));
    try {
      return await ask(host);
    } finally {
      asked.delete(host);
      const [next] = free;
      // Its place is handed on.
      if (next !== undefined && free.delete(next)) next();
      else out -= 1;
    }
  };
  const shared = (host: string): Addresses => {
    const known = asked.get(host) ?? take(host);
    asked.set(host, known);
    return known;
  };
  return { addresses: (host) => within(shared(host), limitMs) };
}

async function askSystem(host: string): Addresses {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

function within(asked: Addresses, limitMs: number): Addresses {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${limitMs / 1000} s`));
    const timer = setTimeout(late, limitMs);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
