/**
 * What can go wrong in the blob store, one class per thing a caller does differently.
 * Every class carries a stable `code` and the numbers or names behind it in `details`.
 */

/** The bytes are not the ones that were announced: the sender must send again. */
export class BlobHashMismatch extends Error {
  readonly code = "blob_hash_mismatch";
  readonly details: { expected: string; actual: string };
  constructor(expected: string, actual: string) {
    super(`blob was announced as ${expected} but its bytes hash to ${actual}`);
    this.details = { expected, actual };
  }
}

/** Nobody stored this blob here, or it was found damaged before and taken out. */
export class BlobMissing extends Error {
  readonly code = "blob_missing";
  readonly details: { hash: string };
  constructor(hash: string) {
    super(`blob ${hash} is not in this store`);
    this.details = { hash };
  }
}

/**
 * The stored bytes no longer match their hash. The blob counts as missing from now on and may be put again.
 */
export class BlobCorrupt extends Error {
  readonly code = "blob_corrupt";
  readonly details: { hash: string; where: string };
  constructor(hash: string, where: string) {
    super(`blob ${hash} is damaged (${where})`);
    this.details = { hash, where };
  }
}

export class BlobTooLarge extends Error {
  readonly code = "blob_too_large";
  readonly details: { hash: string; limit_bytes: number };
  constructor(hash: string, limitBytes: number) {
    super(`blob ${hash} is larger than the limit of ${limitBytes} bytes`);
    this.details = { hash, limit_bytes: limitBytes };
  }
}

/** An append left a hole: send again from `expected_offset`. */
export class LogGap extends Error {
  readonly code = "log_gap";
  readonly details: { expected_offset: number; offset: number };
  constructor(expectedOffset: number, offset: number) {
    super(`log append at offset ${offset} leaves a gap, expected offset ${expectedOffset}`);
    this.details = { expected_offset: expectedOffset, offset };
  }
}

/** An append repeats an offset that is held already, with other bytes. */
export class LogConflict extends Error {
  readonly code = "log_conflict";
  readonly details: { offset: number };
  constructor(offset: number) {
    super(`log append at offset ${offset} differs from the bytes already held there`);
    this.details = { offset };
  }
}

/** A key or hash that this store cannot name. */
export class BlobBadKey extends Error {
  readonly code = "blob_bad_key";
  readonly details: { reason: string };
  constructor(reason: string) {
    super(`not a usable blob key: ${reason}`);
    this.details = { reason };
  }
}

/**
 * No room: nothing of this call was kept, everything acknowledged is intact, try again once there is room.
 */
export class DiskFull extends Error {
  readonly code = "disk_full";
  readonly details: { path: string };
  constructor(path: string, cause: unknown) {
    super(`no space left to write ${path}`, { cause });
    this.details = { path };
  }
}

/**
 * A write or flush failed in a way after which nothing about the page cache can be trusted: restart the
 * process.
 */
export class DiskFailed extends Error {
  readonly code = "disk_failed";
  readonly details: { path: string };
  constructor(path: string, cause: unknown) {
    super(`disk failed at ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.details = { path };
  }
}

/** The store was closed; a call came too late. */
export class BlobStoreClosed extends Error {
  readonly code = "blob_store_closed";
  readonly details = {};
  constructor() {
    super("the blob store is closed");
  }
}
