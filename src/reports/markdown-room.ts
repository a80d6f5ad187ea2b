/** Text that grows up to a limit in bytes and says what it had no room for. */

/** Says that so many more are elsewhere. */
export type MoreLine = (count: number, what: string) => string;

/** Enough for every "and more" line that may still have to be written. */
const RESERVE_BYTES = 2_000;

export class Pages {
  readonly #lines: string[] = [];
  readonly #more: MoreLine;
  #left: number;

  constructor(limitBytes: number, more: MoreLine) {
    this.#left = limitBytes - RESERVE_BYTES;
    this.#more = more;
  }

  /** As a whole or not at all. */
  add(lines: readonly string[]): boolean {
    const size = lines.reduce((sum, line) => sum + utf8Length(line) + 1, 0);
    if (size > this.#left) return false;
    this.#left -= size;
    this.#lines.push(...lines);
    return true;
  }

  /**
   * As many blocks as there is room for, in order.
   * @param list.count how many there are in truth, when `blocks` are not all
   */
  list(
    blocks: readonly (readonly string[])[],
    list: { what: string; most: number; start?: readonly string[]; count?: number },
  ): void {
    if (list.start !== undefined && !this.add(list.start)) return this.#say(blocks.length, list.what);
    let shown = 0;
    for (const block of blocks.slice(0, list.most)) {
      if (!this.add(block)) break;
      shown += 1;
    }
    const missing = (list.count ?? blocks.length) - shown;
    if (list.start !== undefined) this.#lines.push("");
    if (missing > 0) this.#say(missing, list.what);
  }

  #say(count: number, what: string): void {
    this.#lines.push(this.#more(count, what), "");
  }

  text(): string {
    return `${this.#lines.join("\n").trimEnd()}\n`;
  }
}

/** `Buffer` is not for pure code. */
function utf8Length(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}
