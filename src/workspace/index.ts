/** Workspaces: scan and upload on the submitter's side, cache and materialise on the worker's. */
export { scanWorkspace } from "./scan.ts";
export type { ScanOptions, WorkspaceScan } from "./scan.ts";
export type { LeftOut } from "./walk.ts";
export { decodeManifest, encodeManifest, hashOf as treeHashOf } from "./manifest.ts";
export type { DirEntry, FileEntry, LinkEntry, Manifest, ManifestEntry } from "./manifest.ts";
export type { NameRules } from "./path-rules.ts";
export { uploadWorkspace } from "./upload.ts";
export type { BlobTransport, UploadReport } from "./upload.ts";
export { openWorkspaceCache } from "./workspace-cache.ts";
export type { PreparedWorkspace, PrepareOptions, WorkspaceCache } from "./workspace-cache.ts";
export type { BlobFetcher } from "./fetch.ts";
export type { TreeMethod } from "./materialise.ts";
export { eachLimited, hashFile } from "./hash-file.ts";
