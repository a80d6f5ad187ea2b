/**
 * The configuration that `pytest`, typed in the suite root, would use.
 *
 * pytest looks for its configuration from the common folder of the files it is given, upwards. Asked for
 * some files of a subfolder that has a configuration of its own, it would take that one instead of the
 * root's. Only in that case do we have to name the root's configuration.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const CANDIDATES: { name: string; section: RegExp | null }[] = [
  { name: "pytest.toml", section: null },
  { name: ".pytest.toml", section: null },
  { name: "pytest.ini", section: null },
  { name: ".pytest.ini", section: null },
  { name: "pyproject.toml", section: /^\s*\[tool\.pytest(?:\.ini_options)?\]/m },
  { name: "tox.ini", section: /^\[pytest\]/m },
  { name: "setup.cfg", section: /^\[tool:pytest\]/m },
];

export async function pytestConfigIn(folder: string): Promise<string | null> {
  for (const { name, section } of CANDIDATES) {
    const content = await readFile(join(folder, name), "utf8").catch(() => null);
    if (content !== null && (section === null || section.test(content))) return name;
  }
  return null;
}

/** Options that pin the root's configuration, none when pytest finds it by itself. */
export async function pinnedConfig(root: string, files: readonly string[]): Promise<string[]> {
  const config = await pytestConfigIn(root);
  if (config === null || files.length === 0) return [];
  const folders = new Set<string>();
  for (const file of files) {
    for (let folder = dirname(file); folder !== "." && folder !== "/"; folder = dirname(folder))
      folders.add(folder);
  }
  for (const folder of folders) {
    if (!folder.startsWith("..") && (await pytestConfigIn(join(root, folder))))
      return ["-c", config, "--rootdir=."];
  }
  return [];
}
