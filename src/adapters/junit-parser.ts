/**
 * JUnit XML in, as the many tools that claim to write it really do.
 *
 * There is no standard: times with thousands separators, suites in suites, repeated failures, retries in
 * elements of surefire's own. A document that is not well-formed (a crash in the middle, raw control
 * characters) gives the cases that can be read plus an error that says so. A document type is refused:
 * nothing a test report needs, everything an attack does.
 */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import type { CaseResult, SuiteResult } from "./adapter.ts";
import { CASES_LIMIT, caseResult, firstLines, relativePosix } from "./bounds.ts";
import { record } from "./json-lines.ts";

export interface JunitOptions {
  root: string;
  /** For messages. */
  name: string;
  /** What to put where the document names no file. */
  file: string;
}

type Element = Record<string, unknown>;

const PARSER = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  textNodeName: "#text",
  cdataPropName: "#cdata",
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // Entities are decoded below: the five of XML and numbers, nothing a document could define.
  processEntities: false,
  isArray: (name) => !name.startsWith("@") && !name.startsWith("#"),
});
const DEPTH_LIMIT = 100;

export function parseJunit(xml: string, options: JunitOptions): SuiteResult {
  const result: SuiteResult = { cases: [], problems: [] };
  if (/<!DOCTYPE/i.test(xml))
    return broken(result, options, "it declares a document type, which is not read");
  const valid = validate(xml);
  try {
    const found = children(record(PARSER.parse(xml)) ?? {}, "testsuites", "testsuite", "testcase");
    for (const { name, element } of found)
      visit(result, options, { name, element, suites: [], file: "", depth: 0 });
  } catch (error) {
    return broken(result, options, error instanceof Error ? error.message : String(error));
  }
  return valid === null ? result : broken(result, options, valid);
}

function validate(xml: string): string | null {
  try {
    const answer = XMLValidator.validate(xml, { allowBooleanAttributes: true });
    return answer === true ? null : `line ${answer.err.line}: ${answer.err.msg}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function broken(result: SuiteResult, options: JunitOptions, why: string): SuiteResult {
  const message = firstLines(`${options.name} is no readable JUnit XML: ${why}`);
  result.cases.push(caseResult({ file: options.file, name: `(${options.name})`, outcome: "error", message }));
  result.problems.push({ file: options.file, message });
  return result;
}

interface Visit {
  name: string;
  element: Element;
  suites: string[];
  file: string;
  depth: number;
}

function visit(result: SuiteResult, options: JunitOptions, at: Visit): void {
  if (at.depth > DEPTH_LIMIT || result.cases.length >= CASES_LIMIT) return;
  const file = attribute(at.element, "file") || attribute(at.element, "filepath") || at.file;
  if (at.name === "testcase") {
    result.cases.push(oneCase(options, { ...at, file }));
    return;
  }
  const title = attribute(at.element, "name");
  const suites = title && at.name === "testsuite" ? [...at.suites, title] : at.suites;
  // A suite that broke as a whole: some writers put the error beside its cases.
  if (texts(at.element, "error").length > 0)
    result.cases.push(oneCase(options, { ...at, suites: at.suites, file }));
  for (const child of children(at.element, "testsuites", "testsuite", "testcase")) {
    visit(result, options, { ...child, suites, file, depth: at.depth + 1 });
  }
}

function children(element: Element, ...names: string[]): { name: string; element: Element }[] {
  return names.flatMap((name) => elements(element, name).map((child) => ({ name, element: child })));
}

function elements(element: Element, name: string): Element[] {
  const value = Object.hasOwn(element, name) ? element[name] : undefined;
  const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
  // An element without attributes and children is its text.
  return values.map((each) => record(each) ?? { "#text": each });
}

function oneCase(options: JunitOptions, at: Visit): CaseResult {
  const { element } = at;
  const errors = texts(element, "error");
  const failures = texts(element, "failure");
  const flaky = [...texts(element, "flakyFailure"), ...texts(element, "flakyError")];
  const skipped = texts(element, "skipped");
  const bad = errors[0] ?? failures[0];
  const todo = elements(element, "skipped").some((each) => attribute(each, "type") === "todo");
  const outcome = todo ? "skipped" : outcomeOf(element);
  return caseResult({
    file: caseFile(options, at.file),
    name: caseName(at),
    outcome,
    durationMs: seconds(attribute(element, "time")) * 1000,
    message: outcome === "skipped" ? skipped[0]?.message || skipped[0]?.body : bad?.message || bad?.body,
    detail: [...errors, ...failures].map((each) => each.body || each.message).join("\n"),
    stdout: output(element, "system-out"),
    stderr: output(element, "system-err"),
    retries: outcome === "passed" ? flaky.length : 0,
    expectedFailure: todo && bad !== undefined,
  });
}

function outcomeOf(element: Element): CaseResult["outcome"] {
  if (elements(element, "error").length > 0) return "error";
  if (elements(element, "failure").length > 0) return "failed";
  return isSkipped(element) ? "skipped" : "passed";
}

function isSkipped(element: Element): boolean {
  // GoogleTest has attributes instead of an element.
  const said = [attribute(element, "status"), attribute(element, "result")].map((word) => word.toLowerCase());
  const words = ["notrun", "skipped", "disabled", "suppressed", "ignored"];
  return elements(element, "skipped").length > 0 || said.some((word) => words.includes(word));
}

function caseFile(options: JunitOptions, file: string): string {
  if (file === "") return options.file;
  const posix = relativePosix(options.root, file.replaceAll("\\", "/"));
  // Seen from another machine's folder; its own word is all there is.
  return posix.startsWith("../") ? file : posix;
}

function caseName(at: Visit): string {
  const name = attribute(at.element, "name") || "(no name)";
  const owner = at.name === "testcase" ? attribute(at.element, "classname") : "";
  // "test" is what node's own reporter writes for every case, whatever suites it stands in.
  const path = owner && owner !== name && owner !== "test" ? [owner] : at.suites;
  return [...path, name].join(" > ");
}

interface Said {
  message: string;
  body: string;
}

function texts(element: Element, name: string): Said[] {
  return elements(element, name).map((each) => ({
    message: attribute(each, "message") || attribute(each, "type"),
    body: body(each),
  }));
}

function output(element: Element, name: string): string {
  return elements(element, name).map(body).join("");
}

function body(element: Element): string {
  const plain = pieces(element["#text"]).map(decodeEntities).join("");
  return plain.trim() === ""
    ? pieces(element["#cdata"]).join("")
    : plain + pieces(element["#cdata"]).join("");
}

function pieces(value: unknown): string[] {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.map((each) => (typeof each === "string" ? each : ""));
}

function attribute(element: Element, name: string): string {
  const value = element[`@${name}`];
  return typeof value === "string" ? decodeEntities(value) : "";
}

const NAMED: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#x([\da-f]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/gi,
    (all, hex, decimal, named) => {
      if (typeof named === "string") return NAMED[named.toLowerCase()] ?? all;
      const code = Number.parseInt(hex ?? decimal, hex ? 16 : 10);
      return code <= 0x10ffff ? String.fromCodePoint(code) : "\uFFFD";
    },
  );
}

/** "1,234.5" has thousands, "0,25" a decimal comma; both are written by real tools. */
export function seconds(text: string): number {
  const trimmed = text.trim();
  const thousands = /^\d{1,3}(,\d{3})+(\.\d*)?$/.test(trimmed);
  const value = Number(thousands ? trimmed.replaceAll(",", "") : trimmed.replace(",", "."));
  return Number.isFinite(value) && value > 0 ? value : 0;
}
