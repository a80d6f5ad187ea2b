/** The cases that match: failures by their cause, then the others, so many at a time. */
import { caseElement } from "./case-view.ts";
import { byId, element } from "./element.ts";
import type { Rows } from "../rows.ts";

const PAGE = 100;
const GROUP_PAGE = 10;
const GROUPS_PAGE = 50;

export class ListView {
  readonly #rows: Rows;
  readonly #failures = byId("failures", HTMLElement);
  readonly #others = byId("others", HTMLElement);
  #open: { number: number } | null = null;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** @param wanted a case to bring into view, opened */
  show(found: readonly number[], wanted: number | null): void {
    this.#open = wanted === null ? null : { number: wanted };
    const failing = new Set(found.filter((number) => this.#rows.isFailure(number)));
    const groups = this.#groups(found, failing);
    this.#failures.replaceChildren(...this.#failureParts(groups, failing.size));
    const others = found.filter((number) => !failing.has(number));
    const list = element("div", { class: "list" });
    const title =
      failing.size > 0 ? [element("h3", {}, `Others (${others.length.toLocaleString("en")})`)] : [];
    this.#others.replaceChildren(...(others.length === 0 ? [] : [...title, list]));
    this.#grow(list, others, PAGE);
  }

  /** In the order of the search, so that sorting reaches into the groups as well. */
  #groups(found: readonly number[], failing: ReadonlySet<number>): { title: string; cases: number[] }[] {
    const place = new Map(found.map((number, i) => [number, i]));
    const at = (number: number): number => place.get(number) ?? 0;
    return this.#rows.data.groups
      .map(({ title, cases }) => ({
        title,
        cases: cases.filter((number) => failing.has(number)).sort((a, b) => at(a) - at(b)),
      }))
      .filter(({ cases }) => cases.length > 0);
  }

  #failureParts(groups: readonly { title: string; cases: number[] }[], count: number): HTMLElement[] {
    if (groups.length === 0) return [];
    const causes = groups.length === 1 ? "1 cause" : `${groups.length} causes`;
    const list = element("div", {});
    const add = (from: number): void => {
      list.append(...groups.slice(from, from + GROUPS_PAGE).map((group) => this.#group(group)));
      const left = groups.length - from - GROUPS_PAGE;
      if (left > 0) list.append(moreButton(`${left} more causes`, () => add(from + GROUPS_PAGE)));
    };
    add(0);
    return [element("h3", {}, `Failures (${count.toLocaleString("en")}, ${causes})`), list];
  }

  #group({ title, cases }: { title: string; cases: number[] }): HTMLElement {
    const count = element("span", { class: "times" }, `${cases.length} ×`);
    const list = element("div", { class: "list" });
    const part = element(
      "section",
      { class: "group" },
      element("h4", {}, count, " ", element("bdi", {}, title)),
      list,
    );
    this.#grow(list, cases, GROUP_PAGE);
    return part;
  }

  #grow(list: HTMLElement, numbers: readonly number[], page: number): void {
    const wanted = this.#open === null ? -1 : numbers.indexOf(this.#open.number);
    const add = (from: number, to: number): void => {
      list.append(...numbers.slice(from, to).map((number) => caseElement(this.#rows, number)));
      const left = numbers.length - to;
      if (left <= 0) return;
      const most = Math.min(left, PAGE);
      const text = `${most} more of ${left.toLocaleString("en")}`;
      list.append(moreButton(text, () => add(to, to + PAGE)));
    };
    // One that was asked for far down is shown with those around it rather than after all before it.
    if (wanted >= page) list.append(caseElement(this.#rows, numbers[wanted] ?? 0));
    add(0, page);
  }
}

function moreButton(text: string, grow: () => void): HTMLButtonElement {
  const button = element("button", { type: "button", class: "more" }, `Show ${text}`);
  button.addEventListener("click", () => {
    const before = button.previousElementSibling;
    button.remove();
    grow();
    const next = before?.nextElementSibling?.querySelector("summary");
    next?.focus();
  });
  return button;
}
