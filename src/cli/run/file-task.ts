/**
 * A single test file as a task: its framework where one recognises it, else the program that its name asks
 * for.
 */
import { stat } from "node:fs/promises";
import { dirname, extname, relative, resolve } from "node:path";
import type { Client } from "../../client/index.ts";
import type { TaskInput } from "../../protocol/index.ts";
import { uploadWorkspace } from "../../workspace/index.ts";
import { usage } from "../errors.ts";
import { say } from "../io.ts";
import { leftOutLine, scan, shippedLine } from "./discover.ts";
import { findSuites, toPosix, workspaceOf } from "./suites.ts";

export interface FileTaskFlags {
  testFile?: string;
  testArgs?: string[];
  root?: string;
}

const PROGRAMS: Readonly<Record<string, string[]>> = {
  ".py": ["python3"],
  ".js": ["node"],
  ".mjs": ["node"],
  ".cjs": ["node"],
  ".sh": ["sh"],
  ".rb": ["ruby"],
};

export async function fileTask(client: Client, flags: FileTaskFlags): Promise<TaskInput> {
  const file = resolve(flags.testFile ?? "");
  const info = await stat(file).catch(() => null);
  if (info?.isFile() !== true) throw usage(`${flags.testFile} is not a file`);
  const workspace = workspaceOf([file], flags.root ?? ".");
  const config = await configOf(file, { workspace, args: flags.testArgs ?? [] });
  const scanned = await scan(workspace, { onlyTracked: false });
  const warning = leftOutLine(scanned);
  if (warning !== null) say(warning);
  const since = performance.now();
  const transport = client.blobTransport();
  const { uploadedBytes } = await uploadWorkspace({ scan: scanned, root: workspace, transport });
  say(shippedLine(scanned, { uploadedBytes, ms: performance.now() - since }));
  const name = toPosix(relative(workspace, file));
  return { type: "test", name, config, workspace: scanned.treeHash };
}

async function configOf(
  file: string,
  { workspace, args }: { workspace: string; args: string[] },
): Promise<Record<string, unknown>> {
  const [suite] = await findSuites(workspace, [file]);
  if (suite !== undefined) {
    const files = [toPosix(relative(suite.root, file))];
    return { adapter: suite.adapter.name, suite: suite.suite, files, ...(args.length > 0 && { args }) };
  }
  const path = toPosix(relative(dirname(file), file));
  const program = PROGRAMS[extname(file)] ?? [];
  const command = [...program, program.length === 0 ? `./${path}` : path, ...args];
  return { command, cwd: toPosix(relative(workspace, dirname(file))) || "." };
}
