/** Which program a name on PATH means, for people: where it lies and what it says of its version. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import type { RunProcess } from "./adapter.ts";

const VERSION_TIMEOUT_MS = 30_000;

export async function programOnPath(
  name: string,
  asked: { args: string[]; cwd: string; run: RunProcess },
): Promise<string | null> {
  const { args, cwd, run } = asked;
  const ended = await run([name, ...args], { cwd, timeout_ms: VERSION_TIMEOUT_MS }).catch(() => null);
  if (ended === null || ended.code !== 0) return null;
  const version = ended.stdout.split("\n")[0]?.trim() ?? "";
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter((path) => isAbsolute(path))) {
    const path = join(folder, process.platform === "win32" ? `${name}.exe` : name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return `${version} at ${path}`;
  }
  return version;
}
