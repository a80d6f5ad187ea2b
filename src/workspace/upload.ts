/**
 * Sends what the coordinator lacks: first it is asked, then small files go packed and large ones singly,
 * then the manifest, so that a tree whose manifest is there had its files there too.
 *
 * A file is hashed as it is read. When it is no longer what the scan saw it is looked at once more; if the
 * change is real the upload ends, because a tree that mixes two moments was never tested by anybody.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoOf, WorkspaceChanged } from "./errors.ts";
import { eachLimited, hashFile } from "./hash-file.ts";
import { encodeManifest, hashOf } from "./manifest.ts";
import type { FileEntry } from "./manifest.ts";
import type { WorkspaceScan } from "./scan.ts";

const HASHES_PER_QUESTION = 10_000;
const PACKED_FILE_BYTES = 1024 * 1024;
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_FILES = 2_000;
const REQUESTS_AT_ONCE = 4;
const READS_AT_ONCE = 8;

export interface BlobTransport {
  /** Those of the hashes that the other side lacks. */
  missing(hashes: string[]): Promise<string[]>;
  putBatch(items: { sha256: string; bytes: Uint8Array }[]): Promise<void>;
  /** Sends a file; the receiver verifies the hash. */
  putFile(sha256: string, path: string, sizeBytes: number): Promise<void>;
}

export interface UploadReport {
  uploadedBlobs: number;
  uploadedBytes: number;
  tree_hash: string;
}

export async function uploadWorkspace(options: {
  scan: WorkspaceScan;
  root: string;
  transport: BlobTransport;
}): Promise<UploadReport> {
  const { scan, root, transport } = options;
  const wanted = new Map<string, FileEntry>();
  for (const entry of scan.manifest.entries) {
    if (entry.kind === "file" && !wanted.has(entry.sha256)) wanted.set(entry.sha256, entry);
  }
  const missing = await askMissing(transport, [...wanted.keys(), scan.treeHash]);
  const files = [...wanted.values()].filter((entry) => missing.has(entry.sha256));
  const jobs: (() => Promise<void>)[] = [];
  for (const file of files.filter((entry) => entry.size > PACKED_FILE_BYTES)) {
    jobs.push(() => sendLarge(root, file, transport));
  }
  for (const batch of batches(files.filter((entry) => entry.size <= PACKED_FILE_BYTES))) {
    jobs.push(() => sendBatch(root, batch, transport));
  }
  await eachLimited(jobs, REQUESTS_AT_ONCE, (job) => job());
  const report = { uploadedBlobs: files.length, uploadedBytes: totalBytes(files), tree_hash: scan.treeHash };
  if (!missing.has(scan.treeHash)) return report;
  const bytes = encodeManifest(scan.manifest);
  await sendManifest(scan.treeHash, bytes, transport);
  return {
    ...report,
    uploadedBlobs: report.uploadedBlobs + 1,
    uploadedBytes: report.uploadedBytes + bytes.length,
  };
}

async function sendManifest(sha256: string, bytes: Uint8Array, transport: BlobTransport): Promise<void> {
  if (bytes.length <= PACKED_FILE_BYTES) return transport.putBatch([{ sha256, bytes }]);
  const dir = await mkdtemp(join(tmpdir(), "testyard-manifest-"));
  try {
    const path = join(dir, "manifest.json");
    await writeFile(path, bytes);
    await transport.putFile(sha256, path, bytes.length);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function totalBytes(files: readonly FileEntry[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

async function askMissing(transport: BlobTransport, hashes: readonly string[]): Promise<Set<string>> {
  const questions: string[][] = [];
  for (let at = 0; at < hashes.length; at += HASHES_PER_QUESTION) {
    questions.push(hashes.slice(at, at + HASHES_PER_QUESTION));
  }
  const missing = new Set<string>();
  await eachLimited(questions, REQUESTS_AT_ONCE, async (question) => {
    for (const hash of await transport.missing(question)) missing.add(hash);
  });
  return missing;
}

function batches(files: readonly FileEntry[]): FileEntry[][] {
  const out: FileEntry[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const file of files) {
    const current = out.at(-1);
    if (current === undefined || bytes + file.size > BATCH_BYTES || current.length >= BATCH_FILES) {
      out.push([file]);
      bytes = file.size;
    } else {
      current.push(file);
      bytes += file.size;
    }
  }
  return out;
}

async function sendBatch(root: string, batch: readonly FileEntry[], transport: BlobTransport): Promise<void> {
  const items: { sha256: string; bytes: Uint8Array }[] = [];
  await eachLimited(batch, READS_AT_ONCE, async (file) => {
    items.push({ sha256: file.sha256, bytes: await readUnchanged(root, file) });
  });
  await transport.putBatch(items);
}

async function readUnchanged(root: string, file: FileEntry): Promise<Uint8Array> {
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const bytes = await readFile(join(root, file.path)).catch((error: unknown) => {
      if (errnoOf(error) === undefined) throw error;
      throw new WorkspaceChanged(file.path);
    });
    if (hashOf(bytes) === file.sha256) return bytes;
  }
  throw new WorkspaceChanged(file.path);
}

async function sendLarge(root: string, file: FileEntry, transport: BlobTransport): Promise<void> {
  const path = join(root, file.path);
  try {
    await transport.putFile(file.sha256, path, file.size);
  } catch (error) {
    // The receiver refuses other bytes; whether it was the file or the network shows in the file.
    const now = await hashFile(path).catch(() => null);
    if (now?.sha256 !== file.sha256) throw new WorkspaceChanged(file.path);
    throw error;
  }
}
