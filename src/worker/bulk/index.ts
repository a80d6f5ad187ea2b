/** The bulk plane from the worker's side: blobs and logs over HTTP. */
export { type BulkClient, createBulkClient } from "./bulk-client.ts";
export { BulkAborted, BulkRefused } from "./errors.ts";
