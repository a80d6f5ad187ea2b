/** Where a run was started from, for its reports. */
import { execFile } from "node:child_process";
import { arch, release } from "node:os";
import { promisify } from "node:util";
import { version } from "../version.ts";

const run = promisify(execFile);

/** @param tools what ran the tests: a framework's name, and its version or interpreter */
export async function environmentOf(
  workspace: string,
  tools: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await run("git", args, { cwd: workspace, timeout: 5_000 });
    return stdout.trim();
  };
  const [commit, branch, changes] = await Promise.all([
    git("rev-parse", "HEAD").catch(() => ""),
    git("rev-parse", "--abbrev-ref", "HEAD").catch(() => ""),
    git("status", "--porcelain", "--untracked-files=normal").catch(() => ""),
  ]);
  return {
    testyard: version(),
    node: process.version,
    platform: `${process.platform} ${release()} ${arch()}`,
    workspace,
    ...tools,
    ...(commit !== "" && { git_commit: commit, git_dirty: changes === "" ? "no" : "yes" }),
    ...(branch !== "" && branch !== "HEAD" && { git_branch: branch }),
  };
}
