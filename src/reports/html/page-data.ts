/**
 * What the page gets of a report, in columns: a hundred thousand cases as objects would be sixty megabytes,
 * as columns with numbers for what repeats they are nine. Types only for both sides; the page reads it with
 * page/rows.ts.
 */

/** A letter each: passed, failed, error, skipped. */
export const OUTCOMES = { p: "passed", f: "failed", e: "error", s: "skipped" } as const;
export type OutcomeLetter = keyof typeof OUTCOMES;

export const FLAG = { flaky: 1, reused: 2, expectedFailure: 4 } as const;

export interface PageData {
  /** Where whole logs can be asked for; null when it went with the run. */
  coordinator: string | null;
  /** Names by number. */
  files: string[];
  workers: string[];
  suites: string[];
  tasks: PageTask[];
  hardware: string[];
  /** One entry a case, all in the order of the report. */
  cases: {
    names: string[];
    /** OutcomeLetter after OutcomeLetter. */
    outcomes: string;
    /** FLAG, added up, one digit each. */
    flags: string;
    files: number[];
    suites: number[];
    /** -1: none. */
    workers: number[];
    tasks: number[];
    attempts: number[];
    /** Milliseconds. */
    durations: number[];
    /** The first 16 digits of its id; "" for a case that stands for a file or task. */
    ids: string[];
  };
  /** By the number of a case, those that have any. */
  texts: Record<number, PageTexts>;
  groups: { title: string; cases: number[] }[];
}

export interface PageTexts {
  message?: string;
  detail?: string;
  stdout?: string;
  stderr?: string;
  /** Characters of texts that there was no room for at all. */
  left_out?: number;
}

export interface PageTask {
  id: string;
  name: string;
  state: string;
  reason: string | null;
  /** The run that its result comes from. */
  reused: string | null;
  attempts: PageAttempt[];
}

export interface PageAttempt {
  attempt: number;
  /** Numbers of the lists above; -1: none. */
  worker: number;
  hardware: number;
  outcome: string;
  duration_ms: number;
  error: string | null;
  log_bytes: number;
  log_tail: string | null;
  artifacts: { path: string; sha256: string; size_bytes: number }[];
}

/** Digits of a test id in `ids`, and so in the anchors. */
export const ID_DIGITS = 16;
