/** What a run consists of: the suites with their files, and the tree that is shipped with them. */
import { join, posix } from "node:path";
import { createClock, startProcess } from "../../platform/index.ts";
import type { ProblemFacts } from "../../reports/index.ts";
import { createRunProcess } from "../../worker/index.ts";
import { scanWorkspace, type WorkspaceScan } from "../../workspace/index.ts";
import { counted, duration } from "../table.ts";
import { stateOf } from "./embedded.ts";
import type { FoundSuite, Suite } from "./suites.ts";

export async function discoverAll(suites: readonly Suite[]): Promise<FoundSuite[]> {
  const run = createRunProcess({
    start: startProcess,
    clock: createClock(),
    env: ownEnvironment(),
    keyPrefix: `discover-${process.pid}/`,
  });
  return Promise.all(
    suites.map(async (suite) => {
      const patterns = suite.patterns.length > 0 ? { patterns: suite.patterns } : {};
      return { ...suite, discovery: await suite.adapter.discover({ root: suite.root, ...patterns, run }) };
    }),
  );
}

function ownEnvironment(): Record<string, string> {
  const pairs = Object.entries(process.env).flatMap(([k, v]) => (v === undefined ? [] : [[k, v] as const]));
  return Object.fromEntries(pairs);
}

export function problemsOf(suites: readonly FoundSuite[]): ProblemFacts[] {
  return suites.flatMap(({ adapter, suite, discovery }) =>
    discovery.problems.map(({ file, message }) => ({
      framework: adapter.name,
      suite,
      file: file === "" ? "" : posix.join(suite, file),
      message,
    })),
  );
}

export function suiteLines(suites: readonly FoundSuite[]): string[] {
  return suites.map(({ adapter, suite, discovery, evidence }) => {
    const by = discovery.interpreter === undefined ? "" : `, ${discovery.interpreter}`;
    return `${adapter.name} in ${suite} (${evidence}${by}): ${counted(discovery.files.length, "file")}`;
  });
}

export function scan(workspace: string, options: { onlyTracked: boolean }): Promise<WorkspaceScan> {
  return scanWorkspace({
    root: workspace,
    onlyTracked: options.onlyTracked,
    statCachePath: join(stateOf(workspace), "stat-cache.json"),
  });
}

const NAMED = 3;

/** One line: what is not shipped could be what a test misses. */
export function leftOutLine({ leftOut }: WorkspaceScan): string | null {
  if (leftOut.length === 0) return null;
  const named = leftOut.slice(0, NAMED).map(({ path, reason }) => `${path} (${reason})`);
  const more = leftOut.length > NAMED ? ` and ${leftOut.length - NAMED} more` : "";
  return `warning: not shipped: ${named.join(", ")}${more}`;
}

export function shippedLine(scanned: WorkspaceScan, upload: { uploadedBytes: number; ms: number }): string {
  const files = scanned.manifest.entries.length;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const { uploadedBytes, ms } = upload;
  const sent = `${megabytes(uploadedBytes)} sent in ${duration(ms)}`;
  return `workspace ${counted(files, "file")}, ${megabytes(scanned.totalBytes)}; ${sent}`;
}
