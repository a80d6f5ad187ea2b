/**
 * The environment that an attempt sees: a short list of the worker's own variables, the task's, and ours.
 *
 * Nothing of taste is added: no `CI`, no `NO_COLOR`. A test that behaves differently here than in a shell of
 * the submitter would be our defect. Secrets of the worker are not on the list, so they cannot leak into a
 * log.
 */
import type { Gpu } from "../../core/index.ts";
import { traceOf, traceparentOf, type Assignment } from "../../protocol/index.ts";

const KEPT = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SHELL"];
/** Without these no program of that system starts. */
const KEPT_ON_WINDOWS = [
  "PATHEXT",
  "SYSTEMROOT",
  "SYSTEMDRIVE",
  "COMSPEC",
  "TEMP",
  "TMP",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
  "WINDIR",
];

/** What is taken over from the worker. */
export function keptEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {};
  const names = new Set(process.platform === "win32" ? [...KEPT, ...KEPT_ON_WINDOWS] : KEPT);
  for (const [name, value] of Object.entries(env)) {
    const isKept =
      names.has(process.platform === "win32" ? name.toUpperCase() : name) || name.startsWith("LC_");
    if (isKept && value !== undefined) kept[name] = value;
  }
  return kept;
}

export function attemptEnvironment(options: {
  kept: Readonly<Record<string, string>>;
  task: Readonly<Record<string, string>>;
  assignment: Assignment;
  workerId: string;
  gpus: readonly Gpu[];
  /** Of whoever submitted the task, when that was within a trace. */
  traceparent: string | undefined;
}): Record<string, string> {
  const { assignment } = options;
  return {
    ...options.kept,
    ...options.task,
    TESTYARD_TASK_ID: assignment.task_id,
    TESTYARD_ATTEMPT: String(assignment.attempt),
    TESTYARD_RUN_ID: assignment.run_id,
    TESTYARD_WORKER_ID: options.workerId,
    TESTYARD_SLOT: String(assignment.slot),
    // W3C Trace Context: spans of the test hang below the one of this attempt.
    TRACEPARENT: traceparentOf(traceOf(assignment.run_id, options.traceparent), assignment),
    ...visibleDevices(options.gpus, assignment.gpus),
  };
}

/**
 * Names the devices that the attempt may use, and hides the others; a worker without GPUs says nothing. The
 * order is by bus, as the tools count, and not by speed, as CUDA counts unless it is told.
 */
function visibleDevices(gpus: readonly Gpu[], assigned: readonly number[]): Record<string, string> {
  const ordinals = (vendor: string) =>
    gpus
      .filter((gpu) => gpu.vendor === vendor)
      .flatMap((gpu, ordinal) => (assigned.includes(gpu.index) ? [ordinal] : []))
      .join(",");
  const has = (vendor: string) => gpus.some((gpu) => gpu.vendor === vendor);
  return {
    ...(has("nvidia") && { CUDA_VISIBLE_DEVICES: ordinals("nvidia"), CUDA_DEVICE_ORDER: "PCI_BUS_ID" }),
    ...(has("amd") && { ROCR_VISIBLE_DEVICES: ordinals("amd") }),
  };
}
