/**
 * Which files hold settings: the nearest testyard.config.* above the current folder, not beyond the git
 * repository or the home folder, and the user's own.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { configDir } from "../../platform/index.ts";
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

export type FileKind = "project" | "user";

export interface ConfigFile {
  kind: FileKind;
  path: string;
}

const ENDINGS = ["json", "yaml", "yml"] as const;

export interface Places {
  cwd: string;
  home: string;
  userDir: string;
}

export function hostPlaces(): Places {
  return { cwd: process.cwd(), home: homedir(), userDir: configDir() };
}

/** The one that wins first. */
export function configFiles(places: Places = hostPlaces()): ConfigFile[] {
  const project = projectFile(places);
  const user = only(places.userDir, "config");
  return [
    ...(project === null ? [] : [{ kind: "project", path: project } as const]),
    ...(user === null ? [] : [{ kind: "user", path: user } as const]),
  ];
}

function projectFile({ cwd, home }: Places): string | null {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const found = only(dir, "testyard.config");
    if (found !== null) return found;
    if (existsSync(join(dir, ".git")) || dir === resolve(home) || dirname(dir) === dir) return null;
  }
}

function only(dir: string, name: string): string | null {
  const found = ENDINGS.map((ending) => join(dir, `${name}.${ending}`)).filter((path) => existsSync(path));
  if (found.length <= 1) return found[0] ?? null;
  throw new CliError({
    code: "configuration_ambiguous",
    exit: EXIT.usage,
    message: `${found.join(" and ")} are both there`,
    why: "only one of them could count, and which would be a guess",
    next: "remove all but one",
  });
}
