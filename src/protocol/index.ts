export * from "./api.ts";
export {
  BLOB_FRAMES_TYPE,
  BlobFrameReader,
  encodeBlobFrame,
  MAX_BLOB_BATCH_BYTES,
  type BlobFrame,
} from "./blob-frames.ts";
export * from "./feed-item.ts";
export * from "./file-patterns.ts";
export * from "./frames.ts";
export { escapeToken, parseJson, type Parsed } from "./json.ts";
export { namedSchemas, nameOf, type JsonSchema, type Shape, type ShapeOf } from "./named.ts";
export {
  isProblemCode,
  problem,
  problemBody,
  statusOf,
  type Problem,
  type ProblemCode,
  type ProblemDetail,
} from "./problem.ts";
export {
  bulkEnvelope,
  bulkInput,
  cordonInput,
  emptyInput,
  exportInput,
  hash,
  hashList,
  project,
  retryRunInput,
  retryTaskInput,
  runInput,
  sqlInput,
  type BulkEnvelope,
  type ExportInput,
  type RunInput,
} from "./requests.ts";
export {
  deliveryList,
  deliveryView,
  scheduleInput,
  scheduleList,
  scheduleView,
  webhookInput,
  webhookList,
  webhookView,
  type DeliveryView,
  type ScheduleInput,
  type ScheduleView,
  type WebhookView,
} from "./automation.ts";
export * from "./result-document.ts";
export * from "./run-report.ts";
export { nearest } from "./suggest.ts";
export {
  expandMatrix,
  labelOf,
  type Combination,
  type Expanded,
  type MatrixInput,
  type MatrixValue,
} from "./matrix.ts";
export {
  defaultName,
  draftTask,
  taskInput,
  type TaskDraft,
  type TaskInput,
  type TaskPayload,
} from "./task-input.ts";
export * from "./trace.ts";
export { validate, type Validated } from "./validate.ts";
