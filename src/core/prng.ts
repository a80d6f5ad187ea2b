/**
 * A small seeded generator (sfc32, period about 2^128) for whatever must repeat exactly: the simulation,
 * jitter under test, property tests. Not for secrets.
 */
export interface Prng {
  /** An unsigned 32-bit integer. */
  uint32(): number;
  /** A float in [0, 1). */
  unit(): number;
  /** An integer in [0, limit). */
  below(limit: number): number;
  /** True with probability `share`. */
  chance(share: number): boolean;
  bytes(count: number): Uint8Array;
  pick<T>(items: readonly T[]): T;
}

export function createPrng(seed: number): Prng {
  let [a, b, c, d] = [0x9e3779b9 ^ seed, 0x243f6a88, 0xb7e15162 ^ (seed >>> 3), 1];
  const uint32 = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) uint32();
  const unit = (): number => uint32() / 0x1_0000_0000;
  const below = (limit: number): number => Math.floor(unit() * limit);
  return {
    uint32,
    unit,
    below,
    chance: (share) => unit() < share,
    bytes: (count) => Uint8Array.from({ length: count }, () => uint32() & 0xff),
    pick: (items) => items[below(items.length)] as (typeof items)[number],
  };
}
