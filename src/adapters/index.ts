/** Test frameworks, each behind the same three questions: which files, which command, what came out. */
import type { Adapter } from "./adapter.ts";
import { cargoTestAdapter } from "./cargo-test.ts";
import { commandAdapter } from "./command.ts";
import { goTestAdapter } from "./go-test.ts";
import { jestAdapter } from "./jest.ts";
import { junitAdapter } from "./junit.ts";
import { mochaAdapter } from "./mocha.ts";
import { nodeTestAdapter } from "./node-test.ts";
import { playwrightAdapter } from "./playwright.ts";
import { pytestAdapter } from "./pytest.ts";
import { tapAdapter } from "./tap.ts";
import { vitestAdapter } from "./vitest.ts";

export type {
  Adapter,
  AdapterName,
  CaseRef,
  CaseOutcome,
  CaseResult,
  CommandOptions,
  DiscoveredFile,
  Discovery,
  DiscoverOptions,
  ParseOptions,
  ProcessExit,
  RunProcess,
  SuiteProblem,
  SuiteResult,
  TestCommand,
} from "./adapter.ts";
export { FILE_CASE, RUN_CASE, STDOUT_FILE } from "./adapter.ts";
export { filesOfCases, onlyCases } from "./cases.ts";
export { NoCommand } from "./given-command.ts";

const ALL: readonly Adapter[] = [
  pytestAdapter,
  nodeTestAdapter,
  vitestAdapter,
  jestAdapter,
  playwrightAdapter,
  mochaAdapter,
  goTestAdapter,
  cargoTestAdapter,
  junitAdapter,
  tapAdapter,
  commandAdapter,
];

export function adapters(): Adapter[] {
  return [...ALL];
}

export function adapterByName(name: string): Adapter | undefined {
  return ALL.find((adapter) => adapter.name === name);
}

/** Every framework the suite root shows signs of; several are possible, none is too. */
export async function detectAdapters(root: string): Promise<{ adapter: Adapter; evidence: string }[]> {
  const found: { adapter: Adapter; evidence: string }[] = [];
  for (const adapter of ALL) {
    const detected = await adapter.detect(root);
    if (detected !== null) found.push({ adapter, evidence: detected.evidence });
  }
  return found;
}
