// Writes what the test command needs to know of a vitest run: the counts, and each skip with its reason
// (`ctx.skip("needs pytest")`), which vitest's own JSON leaves out. A file that could not be loaded and an
// error outside any test are failures too, though no test of that name exists.
import { writeFileSync } from "node:fs";

// oxlint-disable-next-line import/no-default-export
export default class CountingReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skips: [] };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count(counts, module, test);
      counts.failed += moduleErrors(module, tests);
    }
    writeFileSync(process.env.TESTYARD_VITEST_COUNTS, JSON.stringify(counts));
  }
}

function count(counts, module, test) {
  const { state, note } = test.result();
  if (state === "passed") counts.passed += 1;
  else if (state === "failed") counts.failed += 1;
  else counts.skips.push({ name: `${module.relativeModuleId} > ${test.fullName}`, reason: note ?? null });
}

// An error of a suite (a failed beforeAll, a syntax error) shows in no test's own result.
function moduleErrors(module, tests) {
  const suites = [...module.children.allSuites()];
  const errors = [module, ...suites].reduce((sum, suite) => sum + suite.errors().length, 0);
  return errors === 0 && tests.length === 0 ? 1 : errors;
}
