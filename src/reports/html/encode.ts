/**
 * From the report to the data of its page.
 *
 * Texts are what could be large, so they share one allowance: a report of a thousand cases stays below a
 * megabyte even when all of them fail. The first failure of each cause is served first, then the rest; what
 * is cut says how much is missing, and the whole stands in report.json.
 */
import { failureGroups } from "../failures.ts";
import type { AttemptReport, CaseReport, HardwareFacts, RunReport, TaskReport } from "../model.ts";
import { cleanText, oneLine } from "../text.ts";
import { FLAG, ID_DIGITS, type PageAttempt, type PageData, type PageTexts } from "./page-data.ts";

const TEXT_CHARS = 380_000;
const TEXT_CHARS_OF_A_CASE = 20;
const MOST_OF_A_TEXT = 6_000;
const TAIL_CHARS = 120_000;
/** Less than this of a text would help nobody. */
const LEAST_CHARS = 100;
const NAME_CHARS = 500;

export function pageData(report: RunReport): PageData {
  const lists = { files: new Numbered(), workers: new Numbered(), suites: new Numbered() };
  const hardware = new Map(report.hardware.map((it, i) => [it.hw_class, i]));
  const taskNumbers = new Map(report.tasks.map((task, i) => [task.task_id, i]));
  const numbers = new Map(report.cases.map((it, i) => [it, i]));
  const groups = failureGroups(report).map(({ title, cases }) => ({
    title: cut(title, NAME_CHARS),
    cases: cases.map((it) => numbers.get(it) ?? 0),
  }));
  const tails = new Allowance(TAIL_CHARS);
  const tasks = report.tasks.map((task) => pageTask(task, { workers: lists.workers, hardware, tails }));
  return {
    coordinator: report.run.url === null ? null : oneLine(report.run.url),
    tasks,
    hardware: report.hardware.map(hardwareText),
    cases: columns(report.cases, { lists, taskNumbers }),
    texts: textsOf(report.cases, groups),
    groups,
    files: lists.files.names,
    workers: lists.workers.names,
    suites: lists.suites.names,
  };
}

interface Numbers {
  lists: Readonly<Record<"files" | "workers" | "suites", Numbered>>;
  taskNumbers: ReadonlyMap<string, number>;
}

function columns(cases: readonly CaseReport[], { lists, taskNumbers }: Numbers): PageData["cases"] {
  const { files, workers, suites } = lists;
  return {
    names: cases.map(({ name }) => cut(oneLine(name), NAME_CHARS)),
    outcomes: cases.map(({ outcome }) => outcome[0] ?? "p").join(""),
    flags: cases.map(flagsOf).join(""),
    files: cases.map(({ file }) => files.of(oneLine(file))),
    suites: cases.map(({ framework, suite }) => suites.of(oneLine(`${framework ?? "command"} ${suite}`))),
    workers: cases.map(({ worker_id }) => (worker_id === null ? -1 : workers.of(oneLine(worker_id)))),
    tasks: cases.map(({ task_id }) => (task_id === null ? -1 : (taskNumbers.get(task_id) ?? -1))),
    attempts: cases.map(({ attempt }) => attempt),
    durations: cases.map(({ duration_ms }) => Math.round(duration_ms)),
    ids: cases.map(({ test_id }) => (test_id ?? "").slice(0, ID_DIGITS)),
  };
}

class Numbered {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.names.length);
    this.names.push(cut(name, NAME_CHARS));
    return this.names.length - 1;
  }
}

class Allowance {
  #left: number;

  constructor(chars: number) {
    this.#left = chars;
  }

  /** The end of the text, where what matters stands, as far as there is room; "" when there is none. */
  endOf(text: string, most = MOST_OF_A_TEXT): string {
    const clean = cleanText(text);
    const room = Math.min(most, this.#left);
    if (clean.length <= room) {
      this.#left -= clean.length;
      return clean;
    }
    if (room < LEAST_CHARS) return "";
    this.#left -= room;
    const end = clean.slice(clean.length - room).replace(/^[\udc00-\udfff]/, "");
    return `… ${clean.length - end.length} characters before this stand in report.json only\n${end}`;
  }
}

function flagsOf({ flaky, reused_from, expected_failure }: CaseReport): number {
  const reused = reused_from === null ? 0 : FLAG.reused;
  return (flaky ? FLAG.flaky : 0) + reused + (expected_failure ? FLAG.expectedFailure : 0);
}

function textsOf(cases: readonly CaseReport[], groups: PageData["groups"]): PageData["texts"] {
  const texts: PageData["texts"] = {};
  const allowance = new Allowance(Math.max(TEXT_CHARS, TEXT_CHARS_OF_A_CASE * cases.length));
  const failing = groups.flatMap((group) => group.cases);
  const first = groups.flatMap((group) => group.cases.slice(0, 1));
  const others = cases.map((_, i) => i);
  for (const number of new Set([...first, ...failing, ...others])) {
    const it = cases[number];
    if (it === undefined) continue;
    const found = textsOfCase(it, allowance);
    if (Object.keys(found).length > 0) texts[number] = found;
  }
  return texts;
}

const LIMITS = { message: 2_000, detail: MOST_OF_A_TEXT, stdout: 2_000, stderr: 2_000 } as const;

function textsOfCase(it: CaseReport, allowance: Allowance): PageTexts {
  const found: PageTexts = {};
  let left_out = 0;
  for (const name of ["message", "detail", "stdout", "stderr"] as const) {
    const text = it[name];
    if (text === null || text === "" || (name === "detail" && text === it.message)) continue;
    const end = allowance.endOf(text, LIMITS[name]);
    if (end === "") left_out += text.length;
    else found[name] = end;
  }
  return left_out > 0 ? { ...found, left_out } : found;
}

interface TaskContext {
  workers: Numbered;
  hardware: ReadonlyMap<string, number>;
  tails: Allowance;
}

function pageTask(task: TaskReport, context: TaskContext): PageData["tasks"][number] {
  return {
    id: cut(oneLine(task.task_id), NAME_CHARS),
    name: cut(oneLine(task.name), NAME_CHARS),
    state: task.state,
    reason: task.reason === null ? null : cut(oneLine(task.reason), NAME_CHARS),
    reused: task.reused_from?.run_id ?? null,
    attempts: task.attempts.map((attempt) => pageAttempt(attempt, context)),
  };
}

const ARTIFACTS = 100;

function pageAttempt(it: AttemptReport, { workers, hardware, tails }: TaskContext): PageAttempt {
  const { attempt, outcome, duration_ms, error, log_bytes, log_tail } = it;
  return {
    attempt,
    outcome,
    duration_ms: Math.round(duration_ms),
    log_bytes,
    worker: workers.of(oneLine(it.worker_id)),
    hardware: it.hardware === null ? -1 : (hardware.get(it.hardware) ?? -1),
    error: error === null ? null : cut(oneLine(error.message), NAME_CHARS),
    log_tail: log_tail === null ? null : tails.endOf(log_tail) || null,
    artifacts: it.artifacts
      .slice(0, ARTIFACTS)
      .map(({ path, sha256, size_bytes }) => ({ path: cut(oneLine(path), NAME_CHARS), sha256, size_bytes })),
  };
}

export function hardwareText({
  cpu_model,
  logical_cores,
  memory_mb,
  gpus,
  os,
  arch,
  hw_class,
}: HardwareFacts): string {
  const memory = `${Math.round(memory_mb / 1024)} GB`;
  return [
    oneLine(cpu_model),
    `${logical_cores} cores`,
    memory,
    ...gpus.map(oneLine),
    `${os} ${arch}`,
    hw_class,
  ].join(", ");
}

function cut(text: string, chars: number): string {
  return text.length > chars ? `${text.slice(0, chars)}… (${text.length} characters)` : text;
}
