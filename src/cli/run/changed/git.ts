/** Which files differ from a commit: committed since, in the index, in the working tree, and new ones. */
import { execFile } from "node:child_process";
import { posix } from "node:path";
import { usage } from "../../errors.ts";
import { toPosix } from "../suites.ts";

const LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * @param since a branch, tag or commit; its last common ancestor with HEAD is compared with, so that what
 * others did to it meanwhile does not count
 * @returns paths relative to the workspace, POSIX, sorted; deleted files are among them
 * @throws CliError when the workspace is in no checkout or `since` is no commit of it
 */
export async function changedFiles(workspace: string, since: string): Promise<string[]> {
  const top = await git(workspace, ["rev-parse", "--show-prefix"]);
  if (top === null) {
    throw usage(`${workspace} is not in a git checkout, so nothing says what changed`, "leave the flag out");
  }
  const base = await git(workspace, ["merge-base", "HEAD", since]);
  if (base === null) {
    const next = "name a branch, tag or commit that this checkout has; a shallow one may lack the history";
    throw usage(`git finds no common ancestor of HEAD and "${since}"`, next);
  }
  const listed = await Promise.all([
    git(workspace, ["diff", "--name-only", "-z", "--relative", "--no-renames", base.trim()]),
    git(workspace, ["ls-files", "-z", "--others", "--exclude-standard"]),
  ]);
  const paths = listed.flatMap((text) => (text ?? "").split("\0")).filter((path) => path !== "");
  return [...new Set(paths.map((path) => posix.normalize(toPosix(path))))].sort();
}

/** null when git refuses or is not there. */
function git(cwd: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { cwd, maxBuffer: LIMIT_BYTES, encoding: "utf8" as const };
    execFile("git", [...args], options, (error, stdout) => resolve(error === null ? stdout : null));
  });
}
