/**
 * Finds text in a log, from its front to its end, in pieces: between two of them everybody else has a turn,
 * and a search that has used up its time answers how far it came and where to go on.
 *
 * It looks for plain bytes. Patterns of users are not run on this side: one of 28 characters can hold the
 * process up for 14 s. Without regard to case means the letters A to Z: folding others changes their length.
 */
import type { BlobStore, LogKey } from "../../blobs/index.ts";

export interface Match {
  /** From 1. */
  line: number;
  /** Of the line's first byte in the log. */
  offset: number;
  /** The line, or of a long one the part around what was found. */
  text: string;
  /** The text is not the whole line. */
  is_cut: boolean;
}

/** Where a search goes on: the next byte to look at, and the line that it lies in. */
export interface SearchPlace {
  at: number;
  line: number;
  lineStart: number;
  /** The line that `at` lies in was reported already. */
  isDone: boolean;
}

export const SEARCH_START: SearchPlace = { at: 0, line: 1, lineStart: 0, isDone: false };

export interface Search {
  text: string;
  ignoreCase: boolean;
  /** One after the last byte that is searched. */
  to: number;
  /** Matches to stop after. */
  limit: number;
  /** Asked between pieces. */
  isOver: () => boolean;
}

export interface Found {
  matches: Match[];
  /** null: the end was reached. */
  next: SearchPlace | null;
  bytes: number;
}

const PIECE_BYTES = 512 * 1024;
const NEWLINE = 10;
const LONG_LINE_BYTES = 1024;
const BEFORE_MATCH_BYTES = 200;

type Blobs = Pick<BlobStore, "readLog" | "logSize">;

export async function searchLog(
  blobs: Blobs,
  key: LogKey,
  { from, ...search }: Search & { from: SearchPlace },
): Promise<Found> {
  const needle = needleOf(search);
  const end = Math.min(search.to, blobs.logSize(key));
  const found: Found = { matches: [], next: null, bytes: 0 };
  let place = from;
  while (place.at < end) {
    const last = Math.min(end, place.at + PIECE_BYTES);
    // What begins in this piece may end in the next.
    const bytes = Buffer.from(
      await blobs.readLog(key, { from: place.at, to: Math.min(end, last + needle.length - 1) }),
    );
    if (bytes.length === 0) break;
    const piece = { bytes, folded: search.ignoreCase ? folded(bytes) : bytes, size: last - place.at };
    const hits: Hit[] = [];
    place = scan(piece, { needle, place, hits, limit: search.limit - found.matches.length });
    for (const hit of hits) found.matches.push(await matchAt(blobs, key, { hit, end }));
    found.bytes += piece.size;
    if (found.matches.length >= search.limit || search.isOver()) break;
  }
  if (place.at < end) found.next = place;
  return found;
}

function needleOf({ text, ignoreCase }: Pick<Search, "text" | "ignoreCase">): Buffer {
  const bytes = Buffer.from(text);
  return ignoreCase ? folded(bytes) : bytes;
}

interface Hit {
  line: number;
  lineStart: number;
  at: number;
}

interface Piece {
  bytes: Buffer;
  folded: Buffer;
  /** Of the bytes, those in which a match may begin. */
  size: number;
}

/** @returns where to go on: behind the piece, or behind the line of the last hit that was wanted */
function scan(
  { bytes, folded: text, size }: Piece,
  into: { needle: Buffer; place: SearchPlace; hits: Hit[]; limit: number },
): SearchPlace {
  const { needle, hits, limit, place } = into;
  const base = place.at;
  let { line, lineStart, isDone } = place;
  let at = 0;
  while (at < size) {
    const lineEnd = bytes.indexOf(NEWLINE, at);
    const hit = isDone ? -1 : text.indexOf(needle, at);
    if (hit < 0 || hit >= size) {
      // Nothing more in this piece: only its lines are counted.
      for (let next = lineEnd; next >= 0 && next < size; next = bytes.indexOf(NEWLINE, next + 1)) {
        line += 1;
        lineStart = base + next + 1;
        if (isDone) break;
      }
      const isNewLine = lineEnd >= 0 && lineEnd < size;
      if (!isDone || !isNewLine) return { at: base + size, line, lineStart, isDone };
      isDone = false;
      at = lineEnd + 1;
      continue;
    }
    for (let next = lineEnd; next >= 0 && next < hit; next = bytes.indexOf(NEWLINE, next + 1)) {
      line += 1;
      lineStart = base + next + 1;
    }
    hits.push({ line, lineStart, at: base + hit });
    isDone = true;
    at = hit;
    if (hits.length >= limit) return { at: base + hit + 1, line, lineStart, isDone };
  }
  return { at: base + size, line, lineStart, isDone };
}

async function matchAt(blobs: Blobs, key: LogKey, { hit, end }: { hit: Hit; end: number }): Promise<Match> {
  const isFar = hit.at - hit.lineStart > LONG_LINE_BYTES - BEFORE_MATCH_BYTES;
  const from = isFar ? hit.at - BEFORE_MATCH_BYTES : hit.lineStart;
  const bytes = Buffer.from(await blobs.readLog(key, { from, to: Math.min(end, from + LONG_LINE_BYTES) }));
  const lineEnd = bytes.indexOf(NEWLINE, hit.at - from);
  const text = (lineEnd < 0 ? bytes : bytes.subarray(0, lineEnd)).toString("utf8").replace(/\r$/, "");
  const isLong = lineEnd < 0 && from + bytes.length < end;
  return { line: hit.line, offset: hit.lineStart, text, is_cut: isFar || isLong };
}

function folded(bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  for (let i = 0; i < out.length; i += 1) {
    const letter = out[i] as number;
    if (letter >= 65 && letter <= 90) out[i] = letter + 32;
  }
  return out;
}
