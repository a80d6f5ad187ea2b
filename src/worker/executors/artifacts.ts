/**
 * Keeps the files that an attempt left: hashed, and those that the coordinator does not hold yet sent to it,
 * as streams. Nobody's test fails for a file that could not be kept; the attempt's error and its log say
 * which one it was and why.
 */
import { readFile } from "node:fs/promises";
import type { Artifact } from "../../protocol/index.ts";
import { eachLimited, hashFile } from "../../workspace/index.ts";
import { BulkAborted, BulkRefused } from "../bulk/index.ts";
import type { BulkClient } from "../bulk/index.ts";
import { findFiles } from "./artifact-files.ts";
import type { Found, FoundFile } from "./artifact-files.ts";
import { hashOf } from "./document.ts";

export interface ArtifactLimits {
  fileBytes: number;
  totalBytes: number;
  files: number;
}

const GIB = 1024 ** 3;
const ARTIFACT_LIMITS: ArtifactLimits = { fileBytes: GIB, totalBytes: 5 * GIB, files: 10_000 };

export interface ArtifactProblem {
  code: string;
  message: string;
}

export interface KeptArtifacts {
  artifacts: Artifact[];
  problems: ArtifactProblem[];
}

export interface KeepOptions {
  root: string;
  patterns: readonly string[];
  /** What was there before the process started. */
  before: Found;
  bulk: Pick<BulkClient, "missing" | "putBatch" | "putFile">;
  signal: AbortSignal;
  limits?: ArtifactLimits;
}

const PATH_CHARS = 1024;
const GROUP_FILES = 500;
const AT_ONCE = 4;
/** Up to this a file travels with others; the store packs such blobs as well. */
const SMALL_BYTES = 64 * 1024;
const BATCH_BYTES = 4 * 1024 * 1024;

export async function keepArtifacts(options: KeepOptions): Promise<KeptArtifacts> {
  const found = await findFiles(options.root, options.patterns);
  const { files, problems } = chosen(found, options);
  const kept: Artifact[] = [];
  try {
    for (let at = 0; at < files.length; at += GROUP_FILES) {
      await keepGroup(files.slice(at, at + GROUP_FILES), { ...options, kept, problems });
    }
  } catch (error) {
    problems.unshift(notStored(error, files.length - kept.length));
  }
  kept.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { artifacts: kept, problems };
}

/** In the order of their paths, so that the same attempt keeps the same files wherever it runs. */
function chosen(
  found: Found,
  { before, limits = ARTIFACT_LIMITS }: KeepOptions,
): { files: FoundFile[]; problems: ArtifactProblem[] } {
  const problems: ArtifactProblem[] = [];
  const files: FoundFile[] = [];
  let total = 0;
  const left = { forTotal: 0, forCount: 0 };
  for (const file of changed(found, before)) {
    const size = `${file.path} has ${file.size} bytes`;
    if (file.path.length > PATH_CHARS) {
      problems.push({ code: "artifact_unreadable", message: `a path of more than ${PATH_CHARS} characters` });
    } else if (file.size > limits.fileBytes) {
      const message = `${size}, more than the ${limits.fileBytes} that a file may have`;
      problems.push({ code: "artifact_too_large", message });
    } else if (files.length >= limits.files) left.forCount += 1;
    else if (total + file.size > limits.totalBytes) left.forTotal += 1;
    else {
      files.push(file);
      total += file.size;
    }
  }
  if (left.forCount > 0 || found.isCut) {
    const more = found.isCut
      ? "the folder is too large to be searched"
      : `${left.forCount} more are left out`;
    problems.push({ code: "artifacts_too_many", message: `at most ${limits.files} files are kept: ${more}` });
  }
  if (left.forTotal > 0) {
    const message = `at most ${limits.totalBytes} bytes are kept: ${left.forTotal} files are left out`;
    problems.push({ code: "artifacts_too_large", message });
  }
  for (const path of found.refused) {
    const message = `${path} is a link that leads out of the folder, or to no file`;
    problems.push({ code: "artifact_outside", message });
  }
  return { files, problems };
}

function changed(found: Found, before: Found): FoundFile[] {
  const files = [...found.files.values()].filter((file) => before.files.get(file.path)?.stamp !== file.stamp);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

type Group = KeepOptions & KeptInto;
interface KeptInto {
  kept: Artifact[];
  problems: ArtifactProblem[];
}
type Hashed = FoundFile & { sha256: string };

async function keepGroup(files: readonly FoundFile[], group: Group): Promise<void> {
  const hashed: Hashed[] = [];
  await eachLimited(files, AT_ONCE, async (file) => {
    try {
      const { sha256, size } = await hashFile(file.realPath);
      hashed.push({ ...file, sha256, size });
    } catch (error) {
      group.problems.push(unreadable(file, error));
    }
  });
  if (hashed.length === 0) return;
  const hashes = [...new Set(hashed.map(({ sha256 }) => sha256))];
  const missing = new Set(await group.bulk.missing(hashes, group.signal));
  // Two files of the same content: one of them is sent.
  const toSend = [...new Map(hashed.map((file) => [file.sha256, file])).values()].filter(({ sha256 }) =>
    missing.has(sha256),
  );
  const lacking = await send(toSend, group);
  for (const { path, sha256, size } of hashed) {
    if (!lacking.has(sha256)) group.kept.push({ path, sha256, size_bytes: size });
  }
}

/** @returns the hashes that could not be stored because their files changed or went */
async function send(files: readonly Hashed[], group: Group): Promise<Set<string>> {
  const lacking = new Set<string>();
  const lose = (file: Hashed, problem: ArtifactProblem) => {
    lacking.add(file.sha256);
    group.problems.push(problem);
  };
  await sendSmall(
    files.filter(({ size }) => size <= SMALL_BYTES),
    { ...group, lose },
  );
  const large = files.filter(({ size }) => size > SMALL_BYTES);
  await eachLimited(large, AT_ONCE / 2, async (file) => {
    try {
      await group.bulk.putFile(file.sha256, file.realPath, { signal: group.signal });
    } catch (error) {
      const code = error instanceof BulkRefused ? error.code : "";
      if (code === "blob_hash_mismatch") return lose(file, hasChanged(file));
      if (code !== "disk_failed") throw error;
      lose(file, unreadable(file, error));
    }
  });
  return lacking;
}

async function sendSmall(
  files: readonly Hashed[],
  group: Group & { lose: (file: Hashed, problem: ArtifactProblem) => void },
): Promise<void> {
  let batch: { sha256: string; bytes: Uint8Array }[] = [];
  let size = 0;
  const flush = async () => {
    if (batch.length > 0) await group.bulk.putBatch(batch, group.signal);
    [batch, size] = [[], 0];
  };
  for (const file of files) {
    const bytes = await readFile(file.realPath).catch(() => null);
    if (bytes === null || hashOf(bytes) !== file.sha256) {
      group.lose(file, hasChanged(file));
      continue;
    }
    batch.push({ sha256: file.sha256, bytes });
    size += bytes.length;
    if (size >= BATCH_BYTES) await flush();
  }
  await flush();
}

function hasChanged({ path }: FoundFile): ArtifactProblem {
  return { code: "artifact_unreadable", message: `${path} changed or went while it was read` };
}

function unreadable({ path }: FoundFile, error: unknown): ArtifactProblem {
  const why = error instanceof Error ? error.message : String(error);
  return { code: "artifact_unreadable", message: `${path} cannot be read: ${why}` };
}

function notStored(error: unknown, count: number): ArtifactProblem {
  const why = error instanceof BulkAborted ? "the worker stopped first" : String(error);
  return { code: "artifacts_not_stored", message: `${count} artifacts were not stored: ${why}` };
}
