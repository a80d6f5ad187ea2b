/** One case: a line, and below it, once somebody opens it, all that is known of it. */
import type { PageAttempt } from "../../html/page-data.ts";
import { element, shortTime, size } from "./element.ts";
import type { Row, Rows } from "../rows.ts";

const SIGNS: Readonly<Record<string, string>> = {
  passed: "✓",
  failed: "✗",
  error: "!",
  skipped: "–",
  timed_out: "◷",
  lost: "?",
  infrastructure: "!",
  cancelled: "–",
};

export function caseElement(rows: Rows, number: number): HTMLDetailsElement {
  const row = rows.row(number);
  const summary = element(
    "summary",
    {},
    status(row.outcome),
    element(
      "span",
      { class: "title" },
      row.file === "" ? null : element("bdi", { class: "file" }, row.file),
      element("bdi", { class: "name" }, row.name === "" ? "(no name)" : row.name),
    ),
    ...badges(row),
    element(
      "span",
      { class: "meta" },
      [row.worker, shortTime(row.duration_ms)].filter((it) => it !== null).join(" · "),
    ),
  );
  const details = element("details", { class: `case ${row.outcome}`, id: row.anchor }, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(body(rows, row));
  });
  return details;
}

function status(outcome: string): HTMLElement {
  const sign = element("span", { "aria-hidden": "true", class: "sign" }, SIGNS[outcome] ?? "•");
  return element(
    "span",
    { class: `status ${outcome}` },
    sign,
    element("span", {}, outcome.replace("_", " ")),
  );
}

function badges(row: Row): HTMLElement[] {
  const words = [
    ...(row.flaky ? ["flaky"] : []),
    ...(row.reused ? ["reused"] : []),
    ...(row.expectedFailure ? ["expected failure"] : []),
    ...(row.attempt > 1 ? [`attempt ${row.attempt}`] : []),
  ];
  return words.map((word) => element("span", { class: `badge ${word.split(" ")[0] ?? ""}` }, word));
}

function body(rows: Rows, row: Row): HTMLElement {
  const { message, detail, stdout, stderr, left_out } = row.texts;
  return element(
    "div",
    { class: "body" },
    message === undefined ? null : block("Message", message, { open: true }),
    detail === undefined ? null : block("Detail", detail, { open: true }),
    stdout === undefined ? null : block("Standard output", stdout, { open: false }),
    stderr === undefined ? null : block("Standard error", stderr, { open: false }),
    left_out === undefined
      ? null
      : element("p", { class: "dim" }, `${left_out} more characters of output stand in report.json only.`),
    ...taskParts(rows, row),
    element("p", { class: "dim" }, element("a", { href: `#${row.anchor}` }, "Link to this case")),
  );
}

function block(title: string, text: string, { open }: { open: boolean }): HTMLElement {
  const pre = element("pre", { tabindex: "0", role: "group", "aria-label": title }, text.replace(/\n+$/, ""));
  if (!open) return element("details", { class: "block" }, element("summary", {}, title), pre);
  return element("div", { class: "block" }, element("h4", {}, title), pre);
}

function taskParts(rows: Rows, { task }: Row): HTMLElement[] {
  if (task === null) return [];
  const line = element(
    "p",
    { class: "task" },
    "Task ",
    element("code", {}, task.id),
    " ",
    element("bdi", {}, task.name),
    `: ${task.state.replace("_", " ")}`,
    task.reason === null ? null : ` (${task.reason})`,
  );
  const reused =
    task.reused === null
      ? []
      : [
          element(
            "p",
            {},
            "Not run here: its inputs are unchanged since run ",
            element("code", {}, task.reused),
            ".",
          ),
        ];
  return [
    line,
    ...reused,
    ...(task.attempts.length === 0 ? [] : [attemptTable(rows, task.attempts)]),
    ...task.attempts.flatMap((attempt) =>
      attemptParts(attempt, { taskId: task.id, coordinator: rows.data.coordinator }),
    ),
  ];
}

const COLUMNS = ["attempt", "outcome", "worker", "hardware", "time", "why"];

function attemptTable(rows: Rows, attempts: readonly PageAttempt[]): HTMLElement {
  const head = element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, name)));
  const lines = attempts.map((it) => {
    const cells = [
      String(it.attempt),
      status(it.outcome),
      rows.data.workers[it.worker] ?? "–",
      rows.hardwareOf(it) ?? "–",
      shortTime(it.duration_ms),
      it.error ?? "",
    ];
    return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
  });
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Attempts" }, table);
}

function attemptParts(
  { attempt, log_tail, log_bytes, artifacts }: PageAttempt,
  { taskId, coordinator }: { taskId: string; coordinator: string | null },
): HTMLElement[] {
  const parts: HTMLElement[] = [];
  if (log_tail !== null) {
    parts.push(block(`End of the log of attempt ${attempt} (${size(log_bytes)})`, log_tail, { open: false }));
  }
  if (log_bytes > 0 && coordinator !== null) {
    const command = `testyard logs ${taskId} --attempt ${attempt} --coordinator ${coordinator}`;
    parts.push(element("p", { class: "command" }, "Whole log: ", element("code", {}, command)));
  }
  if (artifacts.length > 0) {
    const items = artifacts.map(({ path, sha256, size_bytes }) =>
      element(
        "li",
        {},
        element("bdi", {}, path),
        ` ${size(size_bytes)} `,
        element("code", {}, sha256.slice(0, 12)),
      ),
    );
    parts.push(
      element("h4", {}, `Artifacts of attempt ${attempt}`),
      element("ul", { class: "artifacts" }, ...items),
    );
  }
  return parts;
}
