import { BLOB_FRAMES_TYPE, hashList, missingHashes, storedBlob, storedCount } from "../../protocol/index.ts";
import { BYTES, described } from "./openapi/describe.ts";

const group = "blobs";
const params = { sha256: "SHA-256 of the content, 64 hex digits." };
const FRAMES = { type: BLOB_FRAMES_TYPE, description: "Blobs as frames: see docs/PROTOCOL.md." };

export const MISSING = described({
  id: "missingBlobs",
  group,
  summary: "Which of these blobs the yard does not hold",
  takes: hashList,
  answers: missingHashes,
});
export const BATCH = described({
  id: "putBlobs",
  group,
  summary: "Stores many blobs",
  takes: FRAMES,
  answers: storedCount,
  problems: ["blob_hash_mismatch"],
});
export const FETCH = described({
  id: "fetchBlobs",
  group,
  summary: "Many blobs at once; one that is missing is marked as absent",
  takes: hashList,
  answers: FRAMES,
});
export const PUT = described({
  id: "putBlob",
  group,
  summary: "Stores one blob under the hash of its content",
  params,
  takes: { type: BYTES, description: "The content." },
  status: 201,
  answers: storedBlob,
  problems: ["blob_hash_mismatch"],
});
export const GET = described({
  id: "getBlob",
  group,
  summary: "The content of a blob, or the range of it that `Range` asks for",
  params,
  answers: { type: BYTES, description: "The content." },
  problems: ["blob_missing", "range_not_satisfiable"],
});
