/**
 * The part of an attempt that a test framework has a say in: the command before the run, the cases after it.
 */
import { copyFile, mkdir, rm, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { adapterByName, adapters, detectAdapters, NoCommand, onlyCases } from "../../adapters/index.ts";
import type { Adapter, ProcessExit, RunProcess, SuiteResult } from "../../adapters/index.ts";
import { AttemptFailure } from "./failure.ts";
import type { RunPlan } from "./plan.ts";

export interface SuiteRun {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  /** null: a plain command, whose exit is all there is. */
  adapter: Adapter | null;
  plan: RunPlan;
  root: string;
  resultDir: string;
  /** Wall clock before the command was made. */
  since: number;
}

export interface SuiteOptions {
  plan: RunPlan;
  root: string;
  resultDir: string;
  run: RunProcess;
  now: () => number;
}

export async function prepareRun(options: SuiteOptions): Promise<SuiteRun> {
  const { plan, root, resultDir, run } = options;
  const since = options.now();
  const shared = { plan, root, resultDir, since };
  if (plan.adapter === null) return { ...shared, argv: plan.argv, env: {}, cwd: root, adapter: null };
  const adapter = plan.adapter === "detect" ? await detected(root, plan) : named(plan.adapter);
  await mkdir(resultDir, { recursive: true });
  const chosen = adapter.runsCases && plan.cases.length > 0 ? { cases: plan.cases } : {};
  const asked = { root, files: plan.files, args: plan.args, ...chosen, resultDir, run };
  const { argv, env, cwd } = await adapter.command(asked).catch((error: unknown) => {
    if (!(error instanceof NoCommand)) throw error;
    throw new AttemptFailure("failed", { code: error.code, message: error.message });
  });
  return { ...shared, argv, env, cwd: join(root, cwd), adapter };
}

function named(name: string): Adapter {
  const adapter = adapterByName(name);
  if (adapter !== undefined) return adapter;
  const known = adapters().map((each) => each.name);
  const message = `there is no adapter ${JSON.stringify(name)}; there are ${known.join(", ")}`;
  throw new AttemptFailure("failed", { code: "adapter_unknown", message });
}

/** A Python file is asked for by its name: its folder need not show any other sign of pytest. */
async function detected(root: string, plan: RunPlan): Promise<Adapter> {
  const isPython = plan.files.length > 0 && plan.files.every((file) => extname(file) === ".py");
  if (isPython) return named("pytest");
  const [first] = await detectAdapters(root);
  if (first !== undefined) return first.adapter;
  const message = `no test framework was recognised in ${plan.folder}; name one as config.adapter`;
  throw new AttemptFailure("failed", { code: "adapter_unknown", message });
}

export async function casesOf(
  suite: SuiteRun,
  ended: { exit: ProcessExit; logTail: string; run: RunProcess },
): Promise<SuiteResult | null> {
  const { adapter, plan, root, resultDir } = suite;
  if (adapter === null) return null;
  if (plan.report !== null) await gatherReports(suite, ended.run);
  const { exit, logTail } = ended;
  const result = await adapter.parse({ root, files: plan.files, resultDir, exit, logTail });
  if (!adapter.runsCases || plan.cases.length === 0) return result;
  return onlyCases(result, { cases: plan.cases, carrier: adapter.carrier });
}

/**
 * The reports that a pattern names are copied to where the adapter looks first, and it is kept from looking
 * anywhere else; what was there before the run is not from this run.
 */
async function gatherReports(suite: SuiteRun, run: RunProcess): Promise<void> {
  const { adapter, plan, root, resultDir, since } = suite;
  if (adapter === null || plan.report === null) return;
  await rm(resultDir, { recursive: true, force: true });
  await mkdir(resultDir, { recursive: true });
  const { files } = await adapter.discover({ root, patterns: [plan.report], run });
  const extension = adapter.name === "tap" ? "tap" : "xml";
  for (const [index, { path }] of files.entries()) {
    const found = await stat(join(root, path)).catch(() => null);
    // Some file systems keep times to the second or two.
    if (found?.isFile() !== true || found.mtimeMs < since - TIME_GRAIN_MS) continue;
    await copyFile(join(root, path), join(resultDir, `report-${index}.${extension}`));
  }
}

const TIME_GRAIN_MS = 2000;
