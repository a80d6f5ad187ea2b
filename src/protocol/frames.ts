/**
 * The worker's connection, frame by frame.
 *
 * After the opening (two plain frames that exchange nonces) every frame is `<mac>.<payload>`; the payload is
 * `{v, epoch, ctr, type, id, body}`. Many tasks, starts and results share a frame. Unknown optional fields
 * are ignored, unknown types close the connection.
 */
import * as z from "zod/mini";
import { isPlainAssign, isPlainResults } from "./hot-frames.ts";

export const PROTOCOL = { min: 1, max: 1 } as const;
export const MAX_FRAME_BYTES = 1024 * 1024;

/** Reasons for which either side ends the connection, as WebSocket close codes. */
export const CLOSE = {
  goingAway: 1001,
  badFrame: 4400,
  badSignature: 4401,
  wrongCluster: 4403,
  slowConsumer: 4408,
  replaced: 4409,
  lost: 4410,
  notLeader: 4421,
  protocolVersion: 4426,
} as const;

const id = z.string().check(z.minLength(1), z.maxLength(128));
const nonce = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const count = z.int().check(z.minimum(0));
const ref = { task_id: id, attempt: z.int().check(z.minimum(1)) };

/** Worker to coordinator, plain: the first frame. */
export const openFrame = z.object({
  type: z.literal("open"),
  protocol: z.object({ min: count, max: count }),
  nonce,
});
/** Coordinator to worker, plain: the second frame. */
export const challengeFrame = z.object({
  type: z.literal("challenge"),
  protocol: z.object({ min: count, max: count }),
  cluster_id: id,
  nonce,
});

/** What a signed frame carries. */
export interface Envelope {
  v: 1;
  epoch: number;
  /** The last one plus 1. */
  ctr: number;
  type: string;
  id: string;
  body: unknown;
}

/** The payload of a signed frame, once its signature is known to be right. */
export function decodeEnvelope(payload: string): Envelope | null {
  try {
    const value: unknown = JSON.parse(payload);
    return isEnvelope(value) ? value : null;
  } catch {
    return null;
  }
}

/** By hand: it is asked once for every frame. */
function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== "object" || value === null) return false;
  const { v, epoch, ctr, type, id } = value as Record<string, unknown>;
  const isCounted = Number.isSafeInteger(epoch) && Number.isSafeInteger(ctr);
  return v === 1 && isCounted && typeof type === "string" && typeof id === "string";
}

export function decodeOpen(text: string): z.infer<typeof openFrame> | null {
  return decodePlain(openFrame, text);
}

export function decodeChallenge(text: string): z.infer<typeof challengeFrame> | null {
  return decodePlain(challengeFrame, text);
}

function decodePlain<T>(schema: z.ZodMiniType<T>, text: string): T | null {
  try {
    const result = z.safeParse(schema, JSON.parse(text));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

const gpu = z.object({
  index: count,
  vendor: z.string().check(z.maxLength(64)),
  model: z.string().check(z.maxLength(256)),
  memory_mb: count,
  compute: z.optional(z.string().check(z.maxLength(32))),
  driver: z.optional(z.string().check(z.maxLength(64))),
});
const versions = z.record(z.string().check(z.maxLength(64)), z.string().check(z.maxLength(128)));

export const capabilities = z.object({
  hostname: z.string().check(z.maxLength(256)),
  os: z.string().check(z.maxLength(64)),
  os_version: z.string().check(z.maxLength(256)),
  arch: z.string().check(z.maxLength(64)),
  cpu: z.object({
    model: z.string().check(z.maxLength(256)),
    physical_cores: z.int().check(z.minimum(1), z.maximum(65_536)),
    logical_cores: z.int().check(z.minimum(1), z.maximum(65_536)),
  }),
  memory_mb: z.int().check(z.minimum(1), z.maximum(1_000_000_000)),
  gpus: z.array(gpu).check(z.maxLength(64)),
  hardware: z.array(z.string().check(z.maxLength(64))).check(z.maxLength(64)),
  browsers: versions,
  runtimes: versions,
});

export const hello = z.object({
  worker_id: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)),
  incarnation: id,
  slots: z.int().check(z.minimum(1), z.maximum(4096)),
  labels: z.record(z.string().check(z.maxLength(64)), z.string().check(z.maxLength(256))),
  capabilities,
  /** Running attempts, and ended ones whose result is not yet acknowledged. */
  inventory: z.array(z.object(ref)).check(z.maxLength(10_000)),
  /** Highest epoch that the worker has obeyed; a leader with a lower one is stale. */
  highest_epoch: count,
  clock_ms: z.number(),
});

export const heartbeat = z.object({
  sent_ms: z.number(),
  running: count,
  cpu_share: z.number().check(z.minimum(0)),
  memory_free_mb: z.number().check(z.minimum(0)),
});

const usage = z.object({
  cpu_ms: z.number().check(z.minimum(0)),
  max_rss_bytes: z.number().check(z.minimum(0)),
});

export const attemptResult = z.object({
  outcome: z.enum(["passed", "failed", "timed_out", "cancelled", "infrastructure"]),
  exit_code: z.nullable(z.int()),
  signal: z.nullable(z.string().check(z.maxLength(32))),
  started_at: z.number(),
  duration_ms: z.number().check(z.minimum(0)),
  usage: z.nullable(usage),
  counts: z.nullable(z.object({ passed: count, failed: count, skipped: count, error: count })),
  document: z.nullable(z.union([z.string().check(z.maxLength(32 * 1024)), z.object({ blob: z.string() })])),
  log_bytes: count,
  error: z.nullable(
    z.object({ code: z.string().check(z.maxLength(64)), message: z.string().check(z.maxLength(2048)) }),
  ),
});

const started = z.object({ attempts: z.array(z.object(ref)).check(z.maxLength(4096)) });
export const results = z.object({
  results: z.array(z.object({ ...ref, result: attemptResult })).check(z.maxLength(4096)),
});
/**
 * Before the hello: results that the worker's former process left on disk, with the incarnation they belong
 * to.
 */
const recovered = z.object({
  worker_id: id,
  results: z.array(z.object({ ...ref, incarnation: id, result: attemptResult })).check(z.maxLength(4096)),
});
const goodbye = z.object({ reason: z.string().check(z.maxLength(256)) });
/** The worker finishes what it has and wants nothing new. */
const draining = z.object({ reason: z.string().check(z.maxLength(256)) });

const welcome = z.object({
  coordinator_id: id,
  heartbeat_ms: count,
  lease_ms: count,
  margin_ms: count,
});
export const assignment = z.object({
  ...ref,
  run_id: id,
  project: id,
  name: z.string(),
  type: z.enum(["test", "benchmark", "command", "critical", "maintenance"]),
  slot: count,
  gpus: z.array(count),
  timeout_ms: z.number(),
  payload: z.union([z.string(), z.object({ blob: z.string() })]),
  /** What the worker does with it when it hears nothing for a lease. */
  on_partition: z.enum(["finish", "stop"]),
});
export const assign = z.object({ tasks: z.array(assignment) });
const cancel = z.object({ attempts: z.array(z.object({ ...ref, reason: z.string() })) });
const resultAck = z.object({
  attempts: z.array(z.object({ ...ref, verdict: z.enum(["accepted", "repeated", "stale_attempt"]) })),
});
const heartbeatAck = z.object({ sent_ms: z.number() });

export const WORKER_FRAMES = { hello, heartbeat, started, results, recovered, goodbye, draining } as const;
export const COORDINATOR_FRAMES = {
  welcome,
  assign,
  cancel,
  result_ack: resultAck,
  heartbeat_ack: heartbeatAck,
} as const;

export type WorkerFrameType = keyof typeof WORKER_FRAMES;
export type CoordinatorFrameType = keyof typeof COORDINATOR_FRAMES;
export type WorkerFrame = {
  [T in WorkerFrameType]: { type: T; body: z.infer<(typeof WORKER_FRAMES)[T]> };
}[WorkerFrameType];
export type CoordinatorFrame = {
  [T in CoordinatorFrameType]: { type: T; body: z.infer<(typeof COORDINATOR_FRAMES)[T]> };
}[CoordinatorFrameType];
export type Hello = z.infer<typeof hello>;
export type Results = z.infer<typeof results>;
export type Heartbeat = z.infer<typeof heartbeat>;
export type Assignment = z.infer<typeof assignment>;
export type Welcome = z.infer<typeof welcome>;

export type Decoded<F> = { ok: true; frame: F } | { ok: false; reason: string };

export function decodeWorkerFrame(type: string, body: unknown): Decoded<WorkerFrame> {
  // What the quick look does not accept, the schema judges, and says why.
  if (type === "results" && isPlainResults(body)) return { ok: true, frame: { type, body } };
  return decodeFrame<WorkerFrame>(WORKER_FRAMES, type, body);
}

export function decodeCoordinatorFrame(type: string, body: unknown): Decoded<CoordinatorFrame> {
  if (type === "assign" && isPlainAssign(body)) return { ok: true, frame: { type, body } };
  return decodeFrame<CoordinatorFrame>(COORDINATOR_FRAMES, type, body);
}

function decodeFrame<F>(schemas: Record<string, z.ZodMiniType>, type: string, body: unknown): Decoded<F> {
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  if (schema === undefined) return { ok: false, reason: `unknown frame type ${JSON.stringify(type)}` };
  const result = z.safeParse(schema, body);
  if (result.success) return { ok: true, frame: { type, body: result.data } as F };
  const issue = result.error.issues[0];
  return { ok: false, reason: `${type}: ${issue?.path.join(".") ?? ""} ${issue?.code ?? "invalid"}` };
}
