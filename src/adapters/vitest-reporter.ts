/**
 * The reporter that vitest loads for us: every ended case as one JSON line, at once.
 *
 * vitest's JSON reporter writes one document at the very end, so a crash would leave nothing, and it has
 * no place for unhandled errors. The task API is used where it exists (vitest 3 and later); before that,
 * the tree of tasks that `onFinished` receives.
 */

export const VITEST_REPORTER_FILE = "testyard-vitest-reporter.mjs";
export const VITEST_REPORT_FILE = "vitest.jsonl";

/** The path is written into the source: vitest may load the file in a way that hides where it lies. */
export function vitestReporter(reportPath: string): string {
  return `const REPORT = ${JSON.stringify(reportPath)};\n${SOURCE}`;
}

const SOURCE = `import { appendFileSync } from "node:fs";

const LIMIT = 16 * 1024;

function write(record) {
  appendFileSync(REPORT, JSON.stringify(record) + "\\n");
}

function cut(value) {
  const text = String(value ?? "");
  if (text.length <= LIMIT) return text;
  return text.slice(0, LIMIT) + "\\n... cut: " + text.length + " characters in all";
}

function errorsOf(list) {
  return [...(list ?? [])].slice(0, 20).map((error) => ({
    name: cut(error?.name),
    message: cut(error?.message ?? error),
    stack: cut(error?.stack ?? error?.stackStr),
    diff: cut(error?.diff),
    file: cut(error?.VITEST_TEST_PATH),
    test: cut(error?.VITEST_TEST_NAME),
  }));
}

export default class TestyardReporter {
  config = {};
  written = new Set();
  output = new Map();
  modules = new Set();
  finished = false;

  onInit(vitest) {
    this.config = vitest.config ?? {};
    write({ kind: "start", vitest: String(vitest.version ?? ""), bail: Number(this.config.bail ?? 0) });
  }

  onUserConsoleLog(log) {
    if (!log?.taskId) return;
    const streams = this.output.get(log.taskId) ?? { stdout: "", stderr: "" };
    const stream = log.type === "stderr" ? "stderr" : "stdout";
    if (streams[stream].length < LIMIT) streams[stream] += cut(log.content);
    this.output.set(log.taskId, streams);
  }

  onTestModuleCollected(module) {
    write({ kind: "file", file: module.moduleId });
  }

  onTestCaseReady(test) {
    write({ kind: "begin", id: test.id, file: test.module.moduleId, name: test.fullName });
  }

  onTestCaseResult(test) {
    this.case(test);
  }

  case(test) {
    if (this.written.has(test.id)) return;
    this.written.add(test.id);
    const result = test.result() ?? {};
    const diagnostic = test.diagnostic();
    write({
      kind: "case",
      id: test.id,
      file: test.module.moduleId,
      project: test.project?.name ?? "",
      name: test.fullName,
      state: result.state ?? "pending",
      mode: test.options?.mode ?? "run",
      fails: Boolean(test.options?.fails),
      note: cut(result.note),
      duration_ms: diagnostic?.duration ?? 0,
      retries: diagnostic?.retryCount ?? 0,
      errors: errorsOf(result.errors),
      ...this.output.get(test.id),
    });
    this.output.delete(test.id);
  }

  onTestModuleEnd(module) {
    this.modules.add(module.moduleId);
    for (const test of module.children.allTests()) this.case(test);
    for (const suite of module.children.allSuites()) {
      this.suite(module.moduleId, suite.fullName, errorsOf(suite.errors()));
    }
    const errors = errorsOf(module.errors());
    write({ kind: "file_done", file: module.moduleId, state: module.state(), errors });
  }

  suite(file, name, errors) {
    if (errors.length > 0) write({ kind: "suite_error", file, name, errors });
  }

  onTestRunEnd(modules, unhandled, reason) {
    for (const module of modules) if (!this.modules.has(module.moduleId)) this.onTestModuleEnd(module);
    this.end(unhandled, reason);
  }

  end(unhandled, reason) {
    if (this.finished) return;
    this.finished = true;
    const ignored = Boolean(this.config.dangerouslyIgnoreUnhandledErrors);
    write({ kind: "finish", reason: String(reason ?? ""), unhandled: ignored ? [] : errorsOf(unhandled) });
  }

  // vitest 1 and 2; later versions have ended the run through the hooks above, or will.
  onFinished(files, unhandled) {
    if (this.modules.size > 0 || this.finished) return;
    for (const file of files ?? []) {
      this.walk(file, file, []);
      const errors = errorsOf(file.result?.errors);
      write({ kind: "file_done", file: file.filepath, state: file.result?.state ?? "", errors });
    }
    this.end(unhandled, "");
  }

  walk(file, parent, path) {
    for (const task of parent.tasks ?? []) {
      const names = [...path, task.name];
      if (task.type === "suite") {
        this.walk(file, task, names);
        this.suite(file.filepath, names.join(" > "), errorsOf(task.result?.errors));
      } else this.oldCase(file, task, names);
    }
  }

  oldCase(file, task, names) {
    const states = { pass: "passed", fail: "failed" };
    write({
      kind: "case",
      id: task.id,
      file: file.filepath,
      project: file.projectName ?? "",
      name: names.join(" > "),
      state: states[task.result?.state] ?? "skipped",
      mode: task.mode,
      fails: Boolean(task.fails),
      note: cut(task.result?.note),
      duration_ms: task.result?.duration ?? 0,
      retries: task.result?.retryCount ?? 0,
      errors: errorsOf(task.result?.errors),
      ...this.output.get(task.id),
    });
  }
}
`;
