/**
 * The blob store: see store.ts for what it promises and docs/decisions/0003-blob-packs.md for why it looks
 * so.
 */
export { openBlobStore } from "./store.ts";
export type {
  BlobStore,
  BlobStoreLimits,
  ByteRange,
  LargeBlob,
  LogKey,
  OpenBlobStoreOptions,
  ScanReport,
} from "./store.ts";
export type { DiskIo } from "./disk.ts";
export { realDisk } from "./disk.ts";
export { openBlobReader } from "./reader.ts";
export type { BlobReader } from "./reader.ts";
export type { SweepLine, SweepReport } from "./sweep.ts";
export { scrubBlobs } from "./scrub.ts";
export type { ScrubReport } from "./scrub.ts";
