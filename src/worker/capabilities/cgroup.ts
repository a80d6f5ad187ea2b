/**
 * What control groups allow this process, which in a container is what the machine really is for it.
 *
 * Version 2 has one tree, version 1 a tree per controller, and many hosts have both. A limit may sit on the
 * group itself or on any group above it, so all of them are read and the smallest counts. Inside a container
 * the path in /proc is often the host's and not to be found: then the mount's own root is the group.
 */
export type ReadText = (path: string) => string | null;

export interface CgroupLimits {
  /** Processors' worth of time; null: no limit. */
  cpus: number | null;
  memoryBytes: number | null;
}

export interface CgroupPaths {
  /** From the group up to the root of its mount. */
  v2: string[];
  cpu: string[];
  cpuset: string[];
  cpuacct: string[];
  memory: string[];
}

/** A v1 group without a limit says a number near 2⁶³, rounded down to pages. */
const NO_LIMIT = 2 ** 60;

export function cgroupPaths(read: ReadText): CgroupPaths {
  const mounts = (read("/proc/self/mountinfo") ?? "").split("\n").flatMap(parseMount);
  const groups = (read("/proc/self/cgroup") ?? "").split("\n").flatMap(parseGroup);
  const pathsOf = (controller: string) => {
    const mount = mounts.find((each) => each.controllers.includes(controller));
    const group = groups.find((each) => each.controllers.includes(controller));
    return mount === undefined || group === undefined ? [] : upwards(mount, group.path);
  };
  return {
    v2: pathsOf("v2"),
    cpu: pathsOf("cpu"),
    cpuset: pathsOf("cpuset"),
    cpuacct: pathsOf("cpuacct"),
    memory: pathsOf("memory"),
  };
}

interface Mount {
  controllers: string[];
  /** The group that is seen at the mount point. */
  root: string;
  point: string;
}

/** `31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate` */
function parseMount(line: string): Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root, point] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (root === undefined || point === undefined) return [];
  if (type === "cgroup2") return [{ controllers: ["v2"], root, point }];
  return type === "cgroup" ? [{ controllers: options.split(","), root, point }] : [];
}

/** `4:memory:/a/b` of version 1, `0::/a/b` of version 2. */
function parseGroup(line: string): { controllers: string[]; path: string }[] {
  const [number, controllers = "", ...path] = line.split(":");
  if (number === undefined || path.length === 0) return [];
  return [{ controllers: number === "0" ? ["v2"] : controllers.split(","), path: path.join(":") }];
}

function upwards(mount: Mount, path: string): string[] {
  const isBelow = mount.root === "/" || path === mount.root || path.startsWith(`${mount.root}/`);
  const inside = !isBelow ? "" : path.slice(mount.root === "/" ? 0 : mount.root.length);
  const parts = inside.split("/").filter((part) => part !== "" && part !== "..");
  return Array.from({ length: parts.length + 1 }, (_, i) =>
    [mount.point, ...parts.slice(0, parts.length - i)].join("/"),
  );
}

export function cgroupLimits(read: ReadText): CgroupLimits {
  const paths = cgroupPaths(read);
  const cpus = [
    ...paths.v2.map((path) => quotaV2(read(`${path}/cpu.max`))),
    ...paths.cpu.map((path) => quotaV1(read(`${path}/cpu.cfs_quota_us`), read(`${path}/cpu.cfs_period_us`))),
    ...paths.v2.map((path) => cpuCount(read(`${path}/cpuset.cpus.effective`))),
    ...paths.cpuset.map((path) =>
      cpuCount(read(`${path}/cpuset.effective_cpus`) ?? read(`${path}/cpuset.cpus`)),
    ),
  ];
  const memory = [
    ...paths.v2.map((path) => byteLimit(read(`${path}/memory.max`))),
    ...paths.memory.map((path) => byteLimit(read(`${path}/memory.limit_in_bytes`))),
  ];
  return { cpus: smallest(cpus), memoryBytes: smallest(memory) };
}

function smallest(values: readonly (number | null)[]): number | null {
  return values.reduce((a, b) => (a === null ? b : b === null ? a : Math.min(a, b)), null);
}

/** `150000 100000`, or `max 100000`. */
function quotaV2(text: string | null): number | null {
  const [quota, period] = (text ?? "").trim().split(" ");
  return quota === undefined || quota === "max" ? null : ratio(Number(quota), Number(period));
}

function quotaV1(quota: string | null, period: string | null): number | null {
  return quota === null || period === null ? null : ratio(Number(quota), Number(period));
}

function ratio(quota: number, period: number): number | null {
  return quota > 0 && period > 0 ? quota / period : null;
}

/** `0-3,8,10-11` is seven. */
export function cpuCount(list: string | null): number | null {
  let count = 0;
  for (const range of (list ?? "").trim().split(",")) {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first !== undefined) count += Number(last ?? first) - Number(first) + 1;
  }
  return count > 0 ? count : null;
}

function byteLimit(text: string | null): number | null {
  const bytes = Number.parseInt(text ?? "", 10);
  return bytes > 0 && bytes < NO_LIMIT ? bytes : null;
}
