/** Files from one folder to another, hashed on the way and on disk when it is done. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

export interface CopiedFile {
  /** Relative, with slashes. */
  path: string;
  size_bytes: number;
  sha256: string;
}

/** Copies what the file holds now: one that grows meanwhile is cut at its size at the beginning. */
export async function copyFile(from: string, to: string, path: string): Promise<CopiedFile> {
  const source = join(from, path);
  const { size } = await stat(source);
  const target = join(to, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const digest = createHash("sha256");
  const handle = await open(target, "wx", 0o600);
  let size_bytes = 0;
  try {
    if (size > 0) {
      for await (const chunk of createReadStream(source, { end: size - 1 }) as AsyncIterable<Buffer>) {
        digest.update(chunk);
        await handle.writeFile(chunk);
        size_bytes += chunk.length;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { path: path.replaceAll("\\", "/"), size_bytes, sha256: digest.digest("hex") };
}

/** The same, of files that may go meanwhile. @returns null when this one has; nothing is left of it then */
export async function copyIfThere(from: string, to: string, path: string): Promise<CopiedFile | null> {
  try {
    return await copyFile(from, to, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    await rm(join(to, path), { force: true });
    return null;
  }
}

export async function hashFile(dir: string, path: string): Promise<CopiedFile> {
  const digest = createHash("sha256");
  let size_bytes = 0;
  for await (const chunk of createReadStream(join(dir, path)) as AsyncIterable<Buffer>) {
    digest.update(chunk);
    size_bytes += chunk.length;
  }
  return { path, size_bytes, sha256: digest.digest("hex") };
}

/** Regular files below a folder, relative to `base`; none where there is no folder. */
export async function filesBelow(dir: string, base: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(base, join(entry.parentPath, entry.name)))
    .sort();
}
