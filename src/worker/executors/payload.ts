/** The part of a task that only its worker reads: configuration, workspace, environment. */
import { parseJson, patternProblem } from "../../protocol/index.ts";
import type { Assignment, TaskPayload } from "../../protocol/index.ts";
import type { BulkClient } from "../bulk/index.ts";
import { AttemptFailure } from "./failure.ts";

const PAYLOAD_BYTES = 8 * 1024 * 1024;

export async function readPayload(
  payload: Assignment["payload"],
  options: { bulk: Pick<BulkClient, "getBlob">; signal: AbortSignal },
): Promise<TaskPayload> {
  const text = typeof payload === "string" ? payload : await fetchText(payload.blob, options);
  const parsed = parseJson(text);
  if (!parsed.ok) throw unreadable(parsed.error.message);
  const { value } = parsed;
  if (!isRecord(value)) throw unreadable("it is no object");
  const { config, workspace, env, artifacts, traceparent } = value;
  if (!isRecord(config)) throw unreadable("it has no config");
  if (workspace !== undefined && typeof workspace !== "string") throw unreadable("its workspace is no hash");
  if (env !== undefined && !isTextRecord(env)) throw unreadable("its env holds more than texts");
  if (artifacts !== undefined && !isPatterns(artifacts))
    throw unreadable("its artifacts are no patterns of files below its folder");
  return {
    config,
    ...(typeof traceparent === "string" && { traceparent }),
    ...(workspace !== undefined && { workspace }),
    ...(env !== undefined && { env }),
    ...(artifacts !== undefined && { artifacts }),
  };
}

async function fetchText(
  sha256: string,
  { bulk, signal }: { bulk: Pick<BulkClient, "getBlob">; signal: AbortSignal },
): Promise<string> {
  return Buffer.from(await bulk.getBlob(sha256, { signal, limitBytes: PAYLOAD_BYTES })).toString("utf8");
}

function unreadable(why: string): AttemptFailure {
  const message = `the task's payload cannot be read: ${why}`;
  return new AttemptFailure("infrastructure", { code: "payload_unreadable", message });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Checked here as well: what leads out of the folder must not depend on who checked it before. */
function isPatterns(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.every((item) => typeof item === "string" && patternProblem(item) === null)
  );
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
}
