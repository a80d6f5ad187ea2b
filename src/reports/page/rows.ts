/** The columns of the page's data, a case at a time. What a search looks at is made once and kept. */
import {
  FLAG,
  ID_DIGITS,
  OUTCOMES,
  type OutcomeLetter,
  type PageAttempt,
  type PageData,
} from "../html/page-data.ts";
import type { PageTask, PageTexts } from "../html/page-data.ts";
import type { Matcher, Searchable } from "./query.ts";

export interface Row {
  number: number;
  name: string;
  file: string;
  framework: string;
  outcome: (typeof OUTCOMES)[OutcomeLetter];
  flaky: boolean;
  reused: boolean;
  expectedFailure: boolean;
  duration_ms: number;
  worker: string | null;
  attempt: number;
  task: PageTask | null;
  texts: PageTexts;
  /** Of its element. */
  anchor: string;
}

export type Order = "" | "time" | "name";

export class Rows {
  readonly data: PageData;
  readonly #searchable: (Searchable | undefined)[] = [];
  /** The first case of each id. */
  readonly #first = new Map<string, number>();

  constructor(data: PageData) {
    this.data = data;
    for (const [number, id] of data.cases.ids.entries())
      if (id !== "" && !this.#first.has(id)) this.#first.set(id, number);
  }

  get count(): number {
    return this.data.cases.names.length;
  }

  row(number: number): Row {
    const { cases, tasks, texts } = this.data;
    const flags = Number(cases.flags[number] ?? 0);
    const id = cases.ids[number] ?? "";
    return {
      number,
      name: cases.names[number] ?? "",
      file: this.data.files[cases.files[number] ?? -1] ?? "",
      framework: this.data.suites[cases.suites[number] ?? -1] ?? "",
      outcome: OUTCOMES[(cases.outcomes[number] ?? "p") as OutcomeLetter],
      flaky: (flags & FLAG.flaky) !== 0,
      reused: (flags & FLAG.reused) !== 0,
      expectedFailure: (flags & FLAG.expectedFailure) !== 0,
      duration_ms: cases.durations[number] ?? 0,
      worker: this.data.workers[cases.workers[number] ?? -1] ?? null,
      attempt: cases.attempts[number] ?? 0,
      task: tasks[cases.tasks[number] ?? -1] ?? null,
      texts: texts[number] ?? {},
      // Equal ids are told apart by their place.
      anchor: this.#first.get(id) === number ? `test-${id}` : `case-${number}`,
    };
  }

  isFailure(number: number): boolean {
    const letter = this.data.cases.outcomes[number];
    return letter === "f" || letter === "e";
  }

  /** The numbers of all that match, in order. */
  find(matches: Matcher, order: Order): number[] {
    const found: number[] = [];
    for (let number = 0; number < this.count; number++) if (matches(this.#look(number))) found.push(number);
    const { durations, names } = this.data.cases;
    if (order === "time") found.sort((a, b) => (durations[b] ?? 0) - (durations[a] ?? 0));
    if (order === "name") found.sort((a, b) => ((names[a] ?? "") < (names[b] ?? "") ? -1 : 1));
    return found;
  }

  /** By a link's anchor: the whole test id or its first 16 digits. -1: no such case. */
  byAnchor(anchor: string): number {
    const [, kind, value = ""] = /^(test|case)-(.+)$/.exec(anchor) ?? [];
    if (kind === "case") return Number(value) < this.count ? Number(value) : -1;
    return kind === "test" ? (this.#first.get(value.slice(0, ID_DIGITS)) ?? -1) : -1;
  }

  hardwareOf(attempt: PageAttempt): string | null {
    return this.data.hardware[attempt.hardware] ?? null;
  }

  #look(number: number): Searchable {
    const known = this.#searchable[number];
    if (known !== undefined) return known;
    const it = this.row(number);
    const states = [
      it.outcome,
      ...(it.outcome === "error" ? ["failed"] : []),
      ...(it.flaky ? ["flaky"] : []),
      ...(it.reused ? ["reused"] : []),
      ...(it.expectedFailure ? ["expected-failure"] : []),
    ];
    const text = `${it.file} > ${it.name} ${it.texts.message ?? ""}`.toLowerCase();
    const made = {
      text,
      states,
      file: it.file.toLowerCase(),
      worker: (it.worker ?? "").toLowerCase(),
      framework: it.framework.toLowerCase(),
    };
    this.#searchable[number] = made;
    return made;
  }
}
