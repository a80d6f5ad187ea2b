// Where a program lies, without running anything: distributions keep the PostgreSQL server out of the PATH.
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

const inPath = () => (process.env.PATH ?? "").split(delimiter).filter(Boolean);

/** The first of the folders that holds all the programs; undefined when none does. */
export function folderOf(programs, more = []) {
  return [...inPath(), ...more].find((folder) => programs.every((name) => existsSync(join(folder, name))));
}

/** The folders of Debian and its relatives, the newest version first. */
export function postgresFolders(base = "/usr/lib/postgresql") {
  if (!existsSync(base)) return [];
  const versions = readdirSync(base).toSorted((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(base, version, "bin"));
}
