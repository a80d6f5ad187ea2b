/**
 * Patterns that name files: `*` and `?` within a name, `**` over folders, everything else as it stands.
 *
 * They come from whoever submits tasks, so matching must never cost more than length times length: a name is
 * matched with one point to go back to, a path by carrying along which parts of the pattern it may be at.
 * The second makes it possible to leave out folders in which nothing can match.
 */
const MAX_PARTS = 64;

/** Why this is no pattern; null when it is one. */
export function patternProblem(pattern: string): string | null {
  if (pattern === "") return "a pattern names something";
  if (/[\0\\]/.test(pattern)) return "a pattern has no backslash and no NUL; folders are parted by /";
  if (/^([a-zA-Z]:|\/)/.test(pattern)) return "a pattern is relative to the folder that the task runs in";
  const parts = pattern.split("/");
  if (parts.length > MAX_PARTS) return `a pattern has at most ${MAX_PARTS} parts`;
  return parts.includes("..") ? "a pattern stays below the folder that the task runs in: no .." : null;
}

/** A pattern's parts; a folder means everything below it. */
export type FilePattern = readonly string[];

/** @param pattern one without a problem */
export function filePattern(pattern: string): FilePattern {
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  return pattern.endsWith("/") || parts.length === 0 ? [...parts, "**"] : parts;
}

/** Where in a pattern a path may be: ascending indices of the next part. */
export type PatternPlace = readonly number[];

export const PATTERN_START: PatternPlace = [0];

/** One name further; nothing is left of a place at which nothing can match any more. */
export function patternStep(pattern: FilePattern, place: PatternPlace, name: string): PatternPlace {
  const next = new Set<number>();
  for (const at of withSkipped(pattern, place)) {
    const part = pattern[at];
    if (part === undefined) continue;
    if (part === "**") next.add(at);
    else if (matchesName(part, name)) next.add(at + 1);
  }
  return [...next].sort((a, b) => a - b);
}

/** Whether the names up to here are the whole of the pattern. */
export function patternEnds(pattern: FilePattern, place: PatternPlace): boolean {
  return withSkipped(pattern, place).has(pattern.length);
}

/** `**` also stands for no folder at all. */
function withSkipped(pattern: FilePattern, place: PatternPlace): Set<number> {
  const all = new Set<number>();
  for (let at of place) {
    all.add(at);
    while (pattern[at] === "**") {
      at += 1;
      all.add(at);
    }
  }
  return all;
}

/** The last `*` is the only one that ever has to take more: the ones before it have done their part. */
export function matchesName(part: string, name: string): boolean {
  let [at, to] = [0, 0];
  let [star, resume] = [-1, 0];
  while (to < name.length) {
    if (part[at] === "*") {
      star = at;
      resume = to;
      at += 1;
    } else if (at < part.length && (part[at] === "?" || part[at] === name[to])) {
      at += 1;
      to += 1;
    } else if (star >= 0) {
      resume += 1;
      to = resume;
      at = star + 1;
    } else {
      return false;
    }
  }
  while (part[at] === "*") at += 1;
  return at === part.length;
}
