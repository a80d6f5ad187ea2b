/** Where a run was started from, for its reports. */
import { execFile } from "node:child_process";
import { arch, release } from "node:os";
import { promisify } from "node:util";
import { version } from "../version.ts";

const run = promisify(execFile);

export async function environmentOf(workspace: string): Promise<Record<string, string>> {
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await run("git", args, { cwd: workspace, timeout: 5_000 });
    return stdout.trim();
  };
  const [commit, branch] = await Promise.all([
    git("rev-parse", "HEAD").catch(() => ""),
    git("rev-parse", "--abbrev-ref", "HEAD").catch(() => ""),
  ]);
  return {
    testyard: version(),
    node: process.version,
    platform: `${process.platform} ${release()} ${arch()}`,
    workspace,
    ...(commit !== "" && { git_commit: commit }),
    ...(branch !== "" && branch !== "HEAD" && { git_branch: branch }),
  };
}
