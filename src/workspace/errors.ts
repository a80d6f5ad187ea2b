/**
 * What can go wrong between a tree and its copy on a worker, one class per thing a caller does differently.
 */

export interface RefusedDetails {
  path: string;
  reason: string;
}

/** A manifest that must not be materialised: hostile, or written by something that is not this program. */
export class ManifestRefused extends Error {
  readonly code = "manifest_refused";
  readonly details: RefusedDetails;
  constructor(path: string, reason: string) {
    super(`manifest refused: ${JSON.stringify(path)}: ${reason}`);
    this.details = { path, reason };
  }
}

/** A file changed between the scan and the upload: scan again. */
export class WorkspaceChanged extends Error {
  readonly code = "workspace_changed";
  readonly details: { path: string };
  constructor(path: string) {
    super(`${JSON.stringify(path)} changed while the workspace was being sent`);
    this.details = { path };
  }
}

/** The tree cannot be listed at all. */
export class WorkspaceUnreadable extends Error {
  readonly code = "workspace_unreadable";
  readonly details: RefusedDetails;
  constructor(path: string, reason: string) {
    super(`cannot read the workspace at ${path}: ${reason}`);
    this.details = { path, reason };
  }
}

/** Every copy of the blob that could be fetched was damaged. */
export class FetchedBlobCorrupt extends Error {
  readonly code = "blob_corrupt";
  readonly details: { hash: string; attempts: number };
  constructor(hash: string, attempts: number) {
    super(`blob ${hash} was damaged on each of ${attempts} fetches`);
    this.details = { hash, attempts };
  }
}

/** The other side did not deliver the blob. */
export class FetchedBlobMissing extends Error {
  readonly code = "blob_missing";
  readonly details: { hash: string };
  constructor(hash: string) {
    super(`blob ${hash} was asked for and not delivered`);
    this.details = { hash };
  }
}

/** The worker's disk has no room for the tree, even with every idle tree gone. */
export class WorkspaceDiskFull extends Error {
  readonly code = "disk_full";
  readonly details: { path: string };
  constructor(path: string, cause: unknown) {
    super(`no space left for the workspace in ${path}`, { cause });
    this.details = { path };
  }
}

export function isNoRoom(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
