/**
 * Identifiers.
 *
 * Runs, submissions and tasks carry ULIDs: 48 bits of time and 80 bits of chance in 26 characters that sort
 * by time. The tasks of one submission are consecutive, so that a submission of a thousand tasks is
 * remembered by its first id and a count. Bytes of chance and the time come in from the edge.
 */
import { assert } from "./assert.ts";

export type TaskId = string;
export type RunId = string;
export type WorkerId = string;

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_CHARS = 16;

/** @param time milliseconds since 1970 @param chance 10 random bytes */
export function ulid(time: number, chance: Uint8Array): string {
  assert(chance.length === 10, "a ULID takes 10 random bytes");
  let text = "";
  for (let rest = time, i = 0; i < 10; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  let bits = 0;
  let held = 0;
  for (const byte of chance) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET.charAt((bits >> held) & 31);
    }
    bits &= (1 << held) - 1;
  }
  return text;
}

/** The ULID `steps` after `id`; chance overflowing into time is refused (2^80 ids a millisecond). */
export function ulidAfter(id: string, steps: number): string {
  const head = id.slice(0, -RANDOM_CHARS);
  const tail = Array.from(id.slice(-RANDOM_CHARS));
  let carry = steps;
  for (let i = RANDOM_CHARS - 1; i >= 0 && carry > 0; i--) {
    const sum = ALPHABET.indexOf(tail[i] ?? "0") + carry;
    tail[i] = ALPHABET.charAt(sum % 32);
    carry = Math.floor(sum / 32);
  }
  assert(carry === 0, `no ULID ${steps} after ${id}`);
  return head + tail.join("");
}

const ULID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function isUlid(text: string): boolean {
  return ULID_PATTERN.test(text);
}

/** Milliseconds since 1970 at which the id was made. */
export function ulidTime(id: string): number {
  let time = 0;
  for (const char of id.slice(0, 10)) time = time * 32 + ALPHABET.indexOf(char);
  return time;
}
