/**
 * A suite becomes tasks: whole files, several short ones together.
 *
 * Each task pays for the start of its framework, so a task should not be too short; the run ends with its
 * longest task, so none should be too long. Four tasks per slot is the compromise: the start is paid a few
 * times, and the last tasks to end are a quarter of a slot's share at most. A file that is longer than that
 * stands alone. Files without history may be anything: they are spread thinly, and carry no estimate, which
 * makes the scheduler start them first.
 */
export interface SplitOptions {
  files: readonly string[];
  /** Expected milliseconds by file. */
  durations: ReadonlyMap<string, number>;
  slots: number;
}

export interface Group {
  files: string[];
  /** null when nothing is known. */
  estimateMs: number | null;
}

const TASKS_PER_SLOT = 4;
/** Below this the start of a framework is a good part of a task; not so that a slot is left without one. */
const SHORTEST_TASK_MS = 3_000;
/** A command line has an end. */
const FILES_PER_TASK = 200;

export function splitFiles({ files, durations, slots }: SplitOptions): Group[] {
  const known = files.flatMap((file) => {
    const ms = durations.get(file);
    return ms === undefined ? [] : [{ file, ms }];
  });
  const unknown = files.filter((file) => !durations.has(file));
  return [...spread(unknown, slots), ...pack(known, slots)];
}

/** Each group takes every n-th file: neighbours in a folder are often alike in length. */
function spread(files: readonly string[], slots: number): Group[] {
  const count = Math.min(
    files.length,
    Math.max(slots * TASKS_PER_SLOT, Math.ceil(files.length / FILES_PER_TASK)),
  );
  const groups: Group[] = Array.from({ length: count }, () => ({ files: [], estimateMs: null }));
  for (const [i, file] of files.entries()) groups[i % count]?.files.push(file);
  return groups;
}

/** Longest first, each into the group with most room left; a new group when none has room. */
function pack(known: readonly { file: string; ms: number }[], slots: number): Group[] {
  const total = known.reduce((sum, { ms }) => sum + ms, 0);
  const aim = Math.max(Math.min(SHORTEST_TASK_MS, total / slots), total / (slots * TASKS_PER_SLOT));
  const groups: { files: string[]; estimateMs: number }[] = [];
  for (const { file, ms } of known.toSorted((a, b) => b.ms - a.ms || (a.file < b.file ? -1 : 1))) {
    const fitting = groups.filter(
      (group) => group.estimateMs + ms <= aim && group.files.length < FILES_PER_TASK,
    );
    const emptiest = fitting.reduce<(typeof groups)[number] | undefined>(
      (best, group) => (best === undefined || group.estimateMs < best.estimateMs ? group : best),
      undefined,
    );
    if (emptiest === undefined) groups.push({ files: [file], estimateMs: ms });
    else {
      emptiest.files.push(file);
      emptiest.estimateMs += ms;
    }
  }
  return groups;
}
