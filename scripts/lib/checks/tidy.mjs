// Sizes and small manners: file ≤ 500 lines, function ≤ 70, line ≤ 110 characters, no default export, no
// boolean parameter, no reminder left in a comment. Exceptions stand in tidy-exceptions.json, each as
// { path, rule, name?, size } with the size it has now, and that list can only shrink: an entry must be
// needed, not larger than it needs to be, and have stood in every earlier version of the list.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeFiles } from "../files.mjs";
import { oxlint } from "../oxlint.mjs";
import { ROOT, run } from "../process.mjs";
import { walkFile } from "../syntax.mjs";
import { present } from "./tools.mjs";

const LINE_LIMIT = 110;
const EXCEPTIONS = "scripts/tidy-exceptions.json";
const NOT_OURS = ["**/fixtures/**", "**/node_modules/**"].map((it) => `--ignore-pattern=${it}`);
const RULES = {
  "eslint(max-lines)": "file_lines",
  "eslint(max-lines-per-function)": "function_lines",
  "eslint(no-warning-comments)": "reminder",
  "import(no-default-export)": "default_export",
};

export async function tidy() {
  const files = codeFiles();
  const paths = present(["src", "test", "scripts", "bench"]);
  const sizes = (await oxlint("scripts/tidy.oxlintrc.json", paths, NOT_OURS)).problems
    .filter(isNoGrouping)
    .map(toFinding);
  const findings = [...sizes, ...files.flatMap(longLines), ...files.flatMap(booleanParameters)];
  const exceptions = JSON.parse(readFileSync(join(ROOT, EXCEPTIONS), "utf8"));
  const problems = [...unexcused(findings, exceptions), ...(await grown(exceptions))];
  const note = `${files.length} files, ${exceptions.length} exceptions`;
  return { ok: problems.length === 0, output: problems.join("\n"), note };
}

// describe(…, () => {…}) groups tests the way a file does; it is long without being complicated.
function isNoGrouping({ path, line, rule }) {
  if (rule !== "eslint(max-lines-per-function)" || !path.endsWith(".test.ts")) return true;
  return !/^\s*describe\b/.test(readFileSync(join(ROOT, path), "utf8").split("\n")[line - 1] ?? "");
}

function toFinding({ path, line, message, rule }) {
  const name = /`([^`]+)`/.exec(message)?.[1];
  const size = Number(/\((\d+)\)/.exec(message)?.[1] ?? 1);
  return { path, line, size, name, rule: RULES[rule] ?? rule, message };
}

function longLines(path) {
  const lines = readFileSync(join(ROOT, path), "utf8").split("\n");
  return lines.flatMap((text, index) => {
    const size = text.length;
    if (size <= LINE_LIMIT) return [];
    const message = `The line has ${size} characters, the limit is ${LINE_LIMIT}.`;
    return [{ path, line: index + 1, size, rule: "line_length", message }];
  });
}

// `start(worker, true)` says nothing to its reader; an options object or a union of names does.
function booleanParameters(path) {
  if (!/\.tsx?$/.test(path)) return [];
  const found = [];
  walkFile(path, (node) => {
    for (const parameter of node.params ?? node.parameters ?? []) {
      const pattern = parameter.pat ?? parameter;
      const target = pattern.type === "AssignmentPattern" ? pattern.left : pattern;
      const annotation = target.typeAnnotation?.typeAnnotation;
      const isBoolean = annotation?.type === "TsKeywordType" && annotation.kind === "boolean";
      const isFlag = pattern.type === "AssignmentPattern" && pattern.right.type === "BooleanLiteral";
      if ((!isBoolean && !isFlag) || isAsserted(node, target.value)) continue;
      const message = `\`${target.value}\` is a boolean parameter: use an options object or a union.`;
      found.push({ path, line: 1, size: 1, name: target.value, rule: "boolean_parameter", message });
    }
  });
  return found;
}

// assert(condition) is the one function whose boolean is the point.
function isAsserted(node, name) {
  const predicate = node.returnType?.typeAnnotation;
  return predicate?.type === "TsTypePredicate" && predicate.asserts && predicate.paramName.value === name;
}

const keyOf = ({ path, rule, name }) => [path, rule, name ?? ""].join(" ");

function unexcused(findings, exceptions) {
  const worst = new Map();
  for (const finding of findings) {
    const key = keyOf(finding);
    if (!(worst.get(key)?.size >= finding.size)) worst.set(key, finding);
  }
  const allowed = new Map(exceptions.map((exception) => [keyOf(exception), exception.size]));
  const over = findings.filter((finding) => !(finding.size <= (allowed.get(keyOf(finding)) ?? 0)));
  const stale = exceptions.filter((exception) => (worst.get(keyOf(exception))?.size ?? 0) < exception.size);
  return [
    ...over.map(({ path, line, message, rule }) => `${path}:${line} ${message} [${rule}]`),
    ...stale.map(
      (it) => `${EXCEPTIONS}: ${keyOf(it)} is ${worst.get(keyOf(it))?.size ?? 0} now: lower or remove it`,
    ),
  ];
}

async function grown(exceptions) {
  const earlier = await earlierLists();
  return exceptions.flatMap((exception) => {
    const isNew = (list) =>
      !list.some((old) => keyOf(old) === keyOf(exception) && old.size >= exception.size);
    return earlier.some(isNew)
      ? [`${EXCEPTIONS}: ${keyOf(exception)} is new or larger: the list only shrinks`]
      : [];
  });
}

// Without git (an unpacked tarball) there is no history to compare with; the limits above hold all the same.
async function earlierLists() {
  const { code, stdout } = await run("git", ["log", "--format=%H", "--", EXCEPTIONS]);
  const commits = code === 0 ? stdout.split("\n").filter(Boolean) : [];
  const texts = await Promise.all(commits.map((commit) => run("git", ["show", `${commit}:${EXCEPTIONS}`])));
  return texts.filter((shown) => shown.code === 0).map((shown) => JSON.parse(shown.stdout));
}
