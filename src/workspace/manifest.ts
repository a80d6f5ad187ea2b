/**
 * The manifest: what a tree consists of, as canonical bytes whose SHA-256 names the tree.
 *
 * It is a blob like any other, so a worker gets tree and files over the same path. Canonical means one
 * spelling per tree (sorted, fixed key order, no spaces), and the decoder insists on it by encoding again:
 * that one comparison rules out duplicate keys, unknown keys and odd number spellings without a rule for
 * each.
 */
import { createHash } from "node:crypto";
import { ManifestRefused } from "./errors.ts";
import { folded, foldingFault, linkFault, pathFault, targetFault } from "./path-rules.ts";
import type { NameRules } from "./path-rules.ts";

export interface FileEntry {
  path: string;
  kind: "file";
  /** 0o755 when anybody may execute it, else 0o644. */
  mode: number;
  size: number;
  sha256: string;
}
export interface LinkEntry {
  path: string;
  kind: "link";
  target: string;
}
/** Only directories that hold nothing else of the manifest. */
export interface DirEntry {
  path: string;
  kind: "dir";
}
export type ManifestEntry = FileEntry | LinkEntry | DirEntry;

/** Entries sorted by path, by UTF-16 code unit. */
export interface Manifest {
  format: 1;
  entries: ManifestEntry[];
}

export const MAX_MANIFEST_BYTES = 256 * 1024 * 1024;
const MAX_ENTRIES = 1_000_000;

export function encodeManifest(manifest: Manifest): Uint8Array {
  const entries = manifest.entries.map(canonicalEntry);
  return Buffer.from(JSON.stringify({ format: 1, entries }));
}

export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function comparePaths(a: { path: string }, b: { path: string }): number {
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}

function canonicalEntry(entry: ManifestEntry): ManifestEntry {
  const { path, kind } = entry;
  switch (kind) {
    case "file":
      return { path, kind, mode: entry.mode, size: entry.size, sha256: entry.sha256 };
    case "link":
      return { path, kind, target: entry.target };
    case "dir":
      return { path, kind };
  }
}

/** Reads a manifest that anybody may have written. Throws ManifestRefused with the path at fault. */
export function decodeManifest(bytes: Uint8Array, options: { names?: NameRules } = {}): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw new ManifestRefused("", "manifest too large");
  const manifest = parsed(bytes);
  const names = options.names ?? "exact";
  for (const entry of manifest.entries) checkEntry(entry, names);
  checkTree(manifest.entries, names);
  if (!Buffer.from(encodeManifest(manifest)).equals(bytes)) {
    throw new ManifestRefused("", "not in canonical form");
  }
  return manifest;
}

function parsed(bytes: Uint8Array): Manifest {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new ManifestRefused("", "not JSON");
  }
  if (!isRecord(raw) || raw["format"] !== 1) throw new ManifestRefused("", "unknown manifest format");
  const entries = raw["entries"];
  if (!Array.isArray(entries)) throw new ManifestRefused("", "entries are missing");
  if (entries.length > MAX_ENTRIES) throw new ManifestRefused("", `more than ${MAX_ENTRIES} entries`);
  return { format: 1, entries: entries.map(typedEntry) };
}

function typedEntry(raw: unknown): ManifestEntry {
  if (!isRecord(raw) || typeof raw["path"] !== "string")
    throw new ManifestRefused("", "entry without a path");
  const { path, kind, mode, size, sha256, target } = raw;
  if (kind === "dir") return { path, kind };
  if (kind === "link" && typeof target === "string") return { path, kind, target };
  if (kind === "file" && typeof mode === "number" && typeof size === "number" && typeof sha256 === "string") {
    return { path, kind, mode, size, sha256 };
  }
  throw new ManifestRefused(path, "malformed entry");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkEntry(entry: ManifestEntry, names: NameRules): void {
  const fault = pathFault(entry.path) ?? (names === "folding" ? foldingFault(entry.path) : null);
  if (fault !== null) throw new ManifestRefused(entry.path, fault);
  switch (entry.kind) {
    case "dir":
      return;
    case "link": {
      const bad = targetFault(entry.target);
      if (bad !== null) throw new ManifestRefused(entry.path, bad);
      return;
    }
    case "file":
      if (entry.mode !== 0o644 && entry.mode !== 0o755)
        throw new ManifestRefused(entry.path, "mode not allowed");
      if (!Number.isSafeInteger(entry.size) || entry.size < 0)
        throw new ManifestRefused(entry.path, "bad size");
      if (!/^[0-9a-f]{64}$/.test(entry.sha256)) throw new ManifestRefused(entry.path, "bad sha256");
  }
}

/**
 * The rules between entries: order, one meaning per name, nothing below what is no directory, links inside.
 */
function checkTree(entries: readonly ManifestEntry[], names: NameRules): void {
  const paths = new Set<string>();
  let previous = "";
  for (const { path } of entries) {
    if (paths.has(path)) throw new ManifestRefused(path, "path appears twice");
    if (path < previous) throw new ManifestRefused(path, "entries are not sorted");
    paths.add(path);
    previous = path;
  }
  for (const { path } of entries) {
    for (const parent of parentsOf(path)) {
      if (paths.has(parent)) throw new ManifestRefused(path, `${parent} is an entry of its own`);
    }
  }
  if (names === "folding") checkTwins(entries);
  const links = linksOf(entries);
  for (const path of links.keys()) {
    const fault = linkFault(path, links);
    if (fault !== null) throw new ManifestRefused(path, fault);
  }
}

function linksOf(entries: readonly ManifestEntry[]): Map<string, string> {
  const links = new Map<string, string>();
  for (const entry of entries) if (entry.kind === "link") links.set(entry.path, entry.target);
  return links;
}

function checkTwins(entries: readonly ManifestEntry[]): void {
  const spelled = new Map<string, string>();
  for (const { path } of entries) {
    for (const name of [...parentsOf(path), path]) {
      const other = spelled.get(folded(name));
      if (other === undefined) spelled.set(folded(name), name);
      else if (other !== name) throw new ManifestRefused(path, `${other} is the same name on the target`);
    }
  }
}

/** `a/b/c` → `a`, `a/b`. */
export function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) parents.push(path.slice(0, at));
  return parents;
}
