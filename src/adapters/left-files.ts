/** Finds and reads the reports that a command left: in the result folder, else new ones in the suite. */
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { relativePosix } from "./bounds.ts";
import { STARTED_FILE } from "./given-command.ts";
import { globFiles } from "./patterns.ts";

const REPORT_LIMIT_BYTES = 64 * 1024 * 1024;
const REPORTS_LIMIT = 10_000;

export interface LeftFile {
  /** For messages: relative to where it was found. */
  name: string;
  content: string;
  /** Longer than what is read of one report. */
  cut: boolean;
}

export async function leftFiles(
  where: { root: string; resultDir: string },
  wanted: { extension: string; isReport: (content: string) => boolean },
): Promise<LeftFile[]> {
  const pattern = [`**/*.${wanted.extension}`];
  const inResults = await readAll(where.resultDir, await safeGlob(where.resultDir, pattern), wanted.isReport);
  if (inResults.length > 0) return inResults;
  const started = await stat(join(where.resultDir, STARTED_FILE)).catch(() => null);
  if (started === null) return [];
  const fresh: string[] = [];
  for (const path of await safeGlob(where.root, pattern)) {
    const found = await stat(join(where.root, path)).catch(() => null);
    if (found !== null && found.mtimeMs >= started.mtimeMs) fresh.push(path);
  }
  return readAll(where.root, fresh, wanted.isReport);
}

async function safeGlob(folder: string, patterns: string[]): Promise<string[]> {
  return globFiles(folder, patterns).catch(() => []);
}

async function readAll(
  folder: string,
  paths: readonly string[],
  isReport: (content: string) => boolean,
): Promise<LeftFile[]> {
  const read: LeftFile[] = [];
  for (const path of paths.slice(0, REPORTS_LIMIT)) {
    const file = await readBounded(join(folder, path));
    if (file !== null && isReport(file.content)) read.push({ name: relativePosix(folder, path), ...file });
  }
  return read;
}

export async function readBounded(path: string): Promise<{ content: string; cut: boolean } | null> {
  const handle = await open(path, "r").catch(() => null);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size, REPORT_LIMIT_BYTES));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return { content: decode(buffer.subarray(0, bytesRead)), cut: size > REPORT_LIMIT_BYTES };
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}

/** .NET writes UTF-16 with a mark at the start; everything else in practice is UTF-8. */
function decode(bytes: Buffer): string {
  const utf16 = bytes.length >= 2 && bytes[0] === 0xff && bytes[1] === 0xfe;
  return bytes.toString(utf16 ? "utf16le" : "utf8").replace(/^\uFEFF/, "");
}
