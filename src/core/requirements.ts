/**
 * What a task asks of a worker, what a worker offers, and whether the one meets the other.
 *
 * The same function answers the scheduler's "where could it run", the coordinator's last check before an
 * assignment is recorded, and the reason shown for each worker when nothing fits.
 */
import { compareVersions } from "./version.ts";

export type ConstraintOperator =
  | "="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "in"
  | "not_in"
  | "exists"
  | "not_exists";

/**
 * `attribute` is a dotted name such as `cpu.model`, `runtime.node`, `browser.chromium`, `label.rack`, `os`.
 */
export interface Constraint {
  attribute: string;
  operator: ConstraintOperator;
  value?: string | number | string[];
}

export interface Preference extends Constraint {
  value?: string | number | string[];
  /** Positive draws the task to matching workers, negative pushes it away. */
  weight: number;
}

export interface Requirements {
  /** All of these, for example `cuda`. */
  hardware?: string[];
  /** At least one of these. */
  hardware_any?: string[];
  min_memory_gb?: number;
  /** Compared as a version, of a GPU that the task gets. */
  min_cuda_compute?: string;
  min_gpu_memory_gb?: number;
  browsers?: string[];
  os?: string[];
  arch?: string[];
  labels?: Record<string, string>;
  constraints?: Constraint[];
  preferences?: Preference[];
  /** Nothing else may run on the worker meanwhile. */
  exclusive?: true;
  /** At most one task with this key runs in the whole yard. */
  concurrency_key?: string;
}

/** What a task occupies beside its slot. Whole numbers, so that sums do not depend on their order. */
export interface Resources {
  cpu_milli: number;
  memory_mb: number;
  gpu: number;
}

export interface Gpu {
  index: number;
  vendor: string;
  model: string;
  memory_mb: number;
  compute?: string;
  driver?: string;
}

export interface Capabilities {
  hostname: string;
  os: string;
  os_version: string;
  arch: string;
  cpu: { model: string; physical_cores: number; logical_cores: number };
  memory_mb: number;
  gpus: Gpu[];
  /** Names a task may ask for: `cpu`, `cuda`, `rocm`, `mps`. */
  hardware: string[];
  /** Name to version, of what was started once to make sure. */
  browsers: Record<string, string>;
  runtimes: Record<string, string>;
}

/** The part of a worker that requirements are held against. */
export interface Offer {
  capabilities: Capabilities;
  labels: Record<string, string>;
}

/** One requirement that a worker misses: `asked` against what it `has`. */
export interface Shortfall {
  requirement: string;
  asked: string;
  has: string;
}

export function shortfalls(requirements: Requirements, resources: Resources, offer: Offer): Shortfall[] {
  return [
    ...hardwareShortfalls(requirements, offer.capabilities),
    ...sizeShortfalls(resources, offer.capabilities),
    ...gpuShortfalls(requirements, resources, offer.capabilities),
    ...softwareShortfalls(requirements, offer),
    ...(requirements.constraints ?? [])
      .filter((c) => !holds(c, offer))
      .map((c) => constraintShortfall(c, offer)),
  ];
}

function hardwareShortfalls(requirements: Requirements, capabilities: Capabilities): Shortfall[] {
  const has = capabilities.hardware;
  const missing = (requirements.hardware ?? []).filter((name) => !has.includes(name));
  const found: Shortfall[] = missing.map((name) => ({
    requirement: "hardware",
    asked: name,
    has: has.join(", "),
  }));
  const any = requirements.hardware_any ?? [];
  if (any.length > 0 && !any.some((name) => has.includes(name))) {
    found.push({ requirement: "hardware_any", asked: any.join(" or "), has: has.join(", ") });
  }
  return found;
}

function sizeShortfalls(resources: Resources, capabilities: Capabilities): Shortfall[] {
  const found: Shortfall[] = [];
  if (resources.memory_mb > capabilities.memory_mb) {
    found.push({
      requirement: "memory",
      asked: megabytes(resources.memory_mb),
      has: megabytes(capabilities.memory_mb),
    });
  }
  const cores = capabilities.cpu.logical_cores;
  if (resources.cpu_milli > cores * 1000) {
    found.push({ requirement: "cpu", asked: `${resources.cpu_milli / 1000} cores`, has: `${cores} cores` });
  }
  return found;
}

function gpuShortfalls(
  requirements: Requirements,
  resources: Resources,
  capabilities: Capabilities,
): Shortfall[] {
  if (resources.gpu === 0) return [];
  const fitting = capabilities.gpus.filter((gpu) => gpuFits(requirements, gpu));
  if (fitting.length >= resources.gpu) return [];
  const has = capabilities.gpus.map((gpu) => `${gpu.model} ${gpu.compute ?? ""} ${megabytes(gpu.memory_mb)}`);
  const asked = [
    `${resources.gpu} GPU`,
    ...(requirements.min_cuda_compute === undefined ? [] : [`cuda ≥ ${requirements.min_cuda_compute}`]),
    ...(requirements.min_gpu_memory_gb === undefined ? [] : [`≥ ${requirements.min_gpu_memory_gb} GB`]),
  ];
  return [{ requirement: "gpu", asked: asked.join(", "), has: has.join("; ") || "no GPU" }];
}

/** Whether a single device meets the GPU requirements of a task. */
export function gpuFits(requirements: Requirements, gpu: Gpu): boolean {
  const { min_cuda_compute: compute, min_gpu_memory_gb: memory } = requirements;
  if (compute !== undefined && (gpu.compute === undefined || compareVersions(gpu.compute, compute) < 0))
    return false;
  const kinds = (requirements.hardware ?? []).filter(isGpuHardware);
  if (kinds.some((name) => VENDOR_OF.get(name) !== gpu.vendor)) return false;
  return memory === undefined || gpu.memory_mb >= memory * 1024;
}

const VENDOR_OF: ReadonlyMap<string, string> = new Map([
  ["cuda", "nvidia"],
  ["rocm", "amd"],
  ["mps", "apple"],
]);

/** Whether the named hardware is a GPU, so that asking for it asks for a device. */
export function isGpuHardware(name: string): boolean {
  return VENDOR_OF.has(name);
}

function softwareShortfalls(requirements: Requirements, offer: Offer): Shortfall[] {
  const { capabilities, labels } = offer;
  const found: Shortfall[] = [];
  for (const browser of requirements.browsers ?? []) {
    if (own(capabilities.browsers, browser) !== undefined) continue;
    found.push({
      requirement: "browsers",
      asked: browser,
      has: Object.keys(capabilities.browsers).join(", ") || "none",
    });
  }
  if (requirements.os !== undefined && !requirements.os.includes(capabilities.os)) {
    found.push({ requirement: "os", asked: requirements.os.join(" or "), has: capabilities.os });
  }
  if (requirements.arch !== undefined && !requirements.arch.includes(capabilities.arch)) {
    found.push({ requirement: "arch", asked: requirements.arch.join(" or "), has: capabilities.arch });
  }
  for (const [key, value] of Object.entries(requirements.labels ?? {})) {
    if (own(labels, key) === value) continue;
    found.push({
      requirement: "labels",
      asked: `${key}=${value}`,
      has: `${key}=${own(labels, key) ?? "unset"}`,
    });
  }
  return found;
}

function constraintShortfall(constraint: Constraint, offer: Offer): Shortfall {
  const value = constraint.value === undefined ? "" : ` ${String(constraint.value)}`;
  return {
    requirement: "constraints",
    asked: `${constraint.attribute} ${constraint.operator}${value}`,
    has: attributeOf(constraint.attribute, offer) ?? "unset",
  };
}

/** Whether a constraint (or the condition of a preference) is met by the worker. */
export function holds(constraint: Constraint, offer: Offer): boolean {
  const has = attributeOf(constraint.attribute, offer);
  if (constraint.operator === "exists") return has !== undefined;
  if (constraint.operator === "not_exists") return has === undefined;
  if (has === undefined) return constraint.operator === "!=" || constraint.operator === "not_in";
  const asked = (Array.isArray(constraint.value) ? constraint.value : [constraint.value]).map(String);
  const order = compareVersions(has, asked[0] ?? "");
  switch (constraint.operator) {
    case "=":
      return has === asked[0] || order === 0;
    case "!=":
      return has !== asked[0] && order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "in":
      return asked.includes(has);
    case "not_in":
      return !asked.includes(has);
  }
}

function attributeOf(attribute: string, offer: Offer): string | undefined {
  const { capabilities, labels } = offer;
  const [group, ...rest] = attribute.split(".");
  const name = rest.join(".");
  if (group === "label") return own(labels, name);
  if (group === "runtime") return own(capabilities.runtimes, name);
  if (group === "browser") return own(capabilities.browsers, name);
  return PLAIN_ATTRIBUTES.get(attribute)?.(capabilities);
}

function own(record: Record<string, string>, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

const PLAIN_ATTRIBUTES: ReadonlyMap<string, (c: Capabilities) => string | undefined> = new Map([
  ["hostname", (c: Capabilities) => c.hostname],
  ["os", (c: Capabilities) => c.os],
  ["os.version", (c: Capabilities) => c.os_version],
  ["arch", (c: Capabilities) => c.arch],
  ["cpu.model", (c: Capabilities) => c.cpu.model],
  ["cpu.cores", (c: Capabilities) => String(c.cpu.logical_cores)],
  ["cpu.physical_cores", (c: Capabilities) => String(c.cpu.physical_cores)],
  ["memory_gb", (c: Capabilities) => String(Math.floor(c.memory_mb / 1024))],
  ["gpu.count", (c: Capabilities) => String(c.gpus.length)],
  ["gpu.model", (c: Capabilities) => c.gpus[0]?.model],
]);

/** Names that a constraint may use, for the error on an unknown one. */
export function isKnownAttribute(attribute: string): boolean {
  return PLAIN_ATTRIBUTES.has(attribute) || /^(label|runtime|browser)\../.test(attribute);
}

function megabytes(mb: number): string {
  return mb >= 1024 ? `${Math.round((mb / 1024) * 10) / 10} GB` : `${mb} MB`;
}
