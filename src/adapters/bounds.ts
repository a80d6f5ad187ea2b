/**
 * Keeps what frameworks say within bounds, and builds the cases that stand for things without a case.
 *
 * A test may print gigabytes or half a surrogate pair; everything that leaves an adapter passes here, so
 * that result documents stay small and are always valid JSON. Cutting is visible: a note tells how much.
 */
import { posix, relative, resolve, sep } from "node:path";
import type { CaseResult, ParseOptions, ProcessExit, SuiteProblem, SuiteResult } from "./adapter.ts";
import { FILE_CASE, RUN_CASE } from "./adapter.ts";

export const MESSAGE_BYTES = 2 * 1024;
export const DETAIL_BYTES = 16 * 1024;
const NAME_BYTES = 4 * 1024;
/** How a text ends that was cut. */
export const CUT_NOTE = "\n… cut: ";
export const CASES_LIMIT = 200_000;

const ESCAPES = new RegExp(
  String.raw`\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)`,
  "g",
);
const LONE_SURROGATES = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Colour is for terminals; a stored message is read by people, matched by tools and put into XML. */
function plainText(text: string): string {
  return text.replace(ESCAPES, "").replace(LONE_SURROGATES, "\uFFFD");
}

/** At most `limitBytes` of UTF-8, cut between characters, the cut said at the end. */
export function truncate(text: string, limitBytes: number): string {
  if (text.length * 3 <= limitBytes) return text;
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= limitBytes) return text;
  const note = `${CUT_NOTE}${bytes.length} bytes in all`;
  let end = Math.max(0, limitBytes - Buffer.byteLength(note));
  while (end > 0 && (bytes[end] ?? 0) >> 6 === 0b10) end -= 1;
  return bytes.subarray(0, end).toString("utf8") + note;
}

export function firstLines(text: string, limitBytes: number = MESSAGE_BYTES): string {
  return truncate(plainText(text).trim(), limitBytes);
}

/** A case as adapters build it: texts may be long, undefined or empty. */
export interface CaseDraft {
  file: string;
  name: string;
  outcome: CaseResult["outcome"];
  durationMs?: number | undefined;
  parameters?: string | undefined;
  message?: string | undefined;
  detail?: string | undefined;
  stdout?: string | undefined;
  stderr?: string | undefined;
  retries?: number | undefined;
  expectedFailure?: boolean | undefined;
}

export function caseResult(draft: CaseDraft): CaseResult {
  const duration = draft.durationMs ?? 0;
  const result: CaseResult = {
    file: truncate(plainText(draft.file), NAME_BYTES),
    name: truncate(plainText(draft.name), NAME_BYTES),
    outcome: draft.outcome,
    duration_ms: Number.isFinite(duration) && duration > 0 ? Math.round(duration * 1000) / 1000 : 0,
  };
  if (draft.parameters) result.parameters = truncate(plainText(draft.parameters), NAME_BYTES);
  if (draft.message?.trim()) result.message = firstLines(draft.message);
  if (draft.detail?.trim()) result.detail = truncate(plainText(draft.detail), DETAIL_BYTES);
  if (draft.stdout) result.stdout = truncate(plainText(draft.stdout), DETAIL_BYTES);
  if (draft.stderr) result.stderr = truncate(plainText(draft.stderr), DETAIL_BYTES);
  if (draft.retries && draft.retries > 0) result.retries = draft.retries;
  if (draft.expectedFailure) result.expected_failure = true;
  return result;
}

/** POSIX and relative to the root; a file outside keeps its way up (`../x`). */
export function relativePosix(root: string, path: string): string {
  if (path === "") return "";
  const way = relative(root, resolve(root, path));
  return sep === "/" ? way : way.split(sep).join(posix.sep);
}

export function describeExit(exit: ProcessExit): string {
  if (exit.timedOut) return "the time limit was reached";
  if (exit.signal !== null) return `the process was ended by ${exit.signal}`;
  return exit.code === null
    ? "the process ended without an exit code"
    : `the process exited with ${exit.code}`;
}

export function tailOf(log: string): string {
  const text = plainText(log.slice(-DETAIL_BYTES));
  return text.trim();
}

/** One error case per file asked (or one for the run): the run left nothing that could be read. */
export function nothingLeft(options: ParseOptions, why: string): SuiteResult {
  const names = options.files.length > 0 ? options.files : [""];
  const message = `${why}; ${describeExit(options.exit)}`;
  const cases = names.map((file) =>
    caseResult({
      file,
      name: file === "" ? RUN_CASE : FILE_CASE,
      outcome: "error",
      message,
      detail: tailOf(options.logTail),
    }),
  );
  return { cases, problems: names.map((file) => ({ file, message })) };
}

export function problemCase(problem: SuiteProblem, detail?: string): CaseResult {
  const name = problem.file === "" ? RUN_CASE : FILE_CASE;
  return caseResult({ ...problem, name, outcome: "error", detail });
}

/**
 * A run that ended badly must not look green because every case it reported did well: a coverage
 * threshold, a crash at exit or a leak found at the end have no case of their own.
 */
export function blameExit(result: SuiteResult, options: ParseOptions): SuiteResult {
  const bad = options.exit.timedOut || options.exit.signal !== null || options.exit.code !== 0;
  if (!bad || result.cases.some((each) => each.outcome === "failed" || each.outcome === "error"))
    return result;
  const message = `no case failed, yet ${describeExit(options.exit)}`;
  const only = options.files.length === 1 ? (options.files[0] ?? "") : "";
  const blame = caseResult({
    file: only,
    name: RUN_CASE,
    outcome: "error",
    message,
    detail: tailOf(options.logTail),
  });
  return { cases: [...result.cases, blame], problems: result.problems };
}
