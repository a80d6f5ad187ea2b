/** Chance from the operating system: ids and nonces are made of it, and jitter does not mind the cost. */
import { randomBytes } from "node:crypto";
import type { Random } from "../ports/index.ts";

export function createRandom(): Random {
  return {
    bytes: (count) => new Uint8Array(randomBytes(count)),
    unit: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  };
}
