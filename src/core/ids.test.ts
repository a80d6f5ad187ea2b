import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isUlid, ulid, ulidAfter, ulidTime } from "./ids.ts";
import { compareVersions } from "./version.ts";

const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });
const time = fc.nat({ max: 2 ** 48 - 1 });

describe("a ULID", () => {
  it("is written as the format says", () => {
    expect(ulid(1_469_918_176_385, new Uint8Array(10))).toBe("01ARYZ6S410000000000000000");
    expect(ulid(0, new Uint8Array(10).fill(255))).toBe("0000000000ZZZZZZZZZZZZZZZZ");
    expect(ulid(0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 33))).toBe("00000000000000000000000011");
  });

  it("keeps its time, and sorts by it", () => {
    fc.assert(
      fc.property(time, time, bytes, bytes, (t, u, b, c) => {
        const [first, second] = [ulid(t, b), ulid(u, c)];
        expect(isUlid(first)).toBe(true);
        expect(ulidTime(first)).toBe(t);
        if (t < u) expect(first < second).toBe(true);
      }),
    );
  });

  it("is followed by others in order, one a step", () => {
    fc.assert(
      fc.property(time, bytes, fc.nat(5_000), fc.nat(5_000), (t, b, m, n) => {
        b[0] = 0;
        const id = ulid(t, b);
        expect(ulidAfter(id, 0)).toBe(id);
        expect(ulidAfter(ulidAfter(id, m), n)).toBe(ulidAfter(id, m + n));
        if (m < n) expect(ulidAfter(id, m) < ulidAfter(id, n)).toBe(true);
      }),
    );
  });

  it("does not overflow into its time", () => {
    expect(() => ulidAfter(ulid(5, new Uint8Array(10).fill(255)), 1)).toThrow("no ULID");
    expect(() => ulid(5, new Uint8Array(9))).toThrow("10 random bytes");
  });

  it("is told from other texts", () => {
    for (const text of [
      "",
      "01ARYZ6S41",
      "81ARYZ6S410000000000000000",
      "01ARYZ6S41000000000000000I",
      "../etc",
    ]) {
      expect(isUlid(text)).toBe(false);
    }
  });
});

describe("versions", () => {
  it.each([
    ["7.5", "7.10", -1],
    ["8.0", "8", 0],
    ["20.19.0", "20.9.9", 1],
    ["1.0.0-rc1", "1.0.0-rc1", 0],
    ["3.11", "3.x", -1],
  ])("%s against %s", (left, right, order) => {
    expect(Math.sign(compareVersions(left, right))).toBe(order);
    expect(Math.sign(compareVersions(right, left)) + 0).toBe(order === 0 ? 0 : -order);
  });

  it("are put in one order", () => {
    const version = fc.array(fc.constantFrom("0", "1", "9", "10", "a", "b"), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(version, version, version, (...parts) => {
        const [a = "", b = "", c = ""] = parts.map((one) => one.join("."));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});
