/** The machine below a yard: program, folders, disk, limits, the two engines with native parts. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fail, type Finding, ok, warn } from "./finding.ts";

const LEAST_NODE = [20, 19] as const;
const PLATFORMS = new Set(["linux", "darwin", "win32"]);
const ROOM = { fail: 200_000_000, warn: 2_000_000_000 };
const LEAST_FILES = 1_024;

/** `f_type` of Linux for file systems on which neither LMDB nor DuckDB is safe. */
const NETWORK = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x01021997, "9P"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x65735546, "FUSE"],
]);

export function node(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isEnough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  if (isEnough) return ok("node", `Node ${version}`);
  const wanted = LEAST_NODE.join(".");
  return fail("node", `Node ${version} is older than ${wanted}`, `install Node ${wanted} or newer`);
}

export function platform(name: string = process.platform, arch: string = process.arch): Finding {
  if (PLATFORMS.has(name)) return ok("platform", `${name} ${arch}`);
  return warn(
    "platform",
    `${name} ${arch} is not one that is tested`,
    "expect gaps; Linux and macOS are known",
  );
}

/** @param path the folder in which yards are kept */
export async function folder(path: string): Promise<Finding[]> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const probe = join(path, `.doctor-${randomBytes(4).toString("hex")}`);
  try {
    await writeFile(probe, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [
      fail("folder", `${path} cannot be written to: ${reason}`, "check owner and mode, or name a --data-dir"),
    ];
  } finally {
    await rm(probe, { force: true });
  }
  const { type, bavail, bsize } = await statfs(path);
  return [fileSystem(path, type), room(path, bavail * bsize)];
}

export function fileSystem(path: string, type: number): Finding {
  const network = NETWORK.get(type >>> 0);
  if (network === undefined) return ok("folder", `${path} can be written to`);
  const next = "name a --data-dir on a local disk";
  // Behind FUSE may be a local disk; nobody can say.
  const say = network === "FUSE" ? warn : fail;
  return say("folder", `${path} is on ${network}, where the log is not safe`, next);
}

export function room(path: string, bytes: number): Finding {
  const message = `${(bytes / 1e9).toFixed(1)} GB free at ${path}`;
  const next = "make room; a full disk ends the coordinator";
  if (bytes < ROOM.fail) return fail("disk", message, next);
  return bytes < ROOM.warn ? warn("disk", message, next) : ok("disk", message);
}

/** Of the system's own file, where it has one. */
export async function limits(path = "/proc/self/limits"): Promise<Finding> {
  const text = await readFile(path, "utf8").catch(() => "");
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(text) ?? [];
  if (soft === undefined) return ok("limits", "this system does not say how many files may be open");
  if (soft === "unlimited" || Number(soft) >= LEAST_FILES) return ok("limits", `${soft} files may be open`);
  return warn("limits", `only ${soft} files may be open`, `ulimit -n ${LEAST_FILES} before starting a yard`);
}

const REINSTALL = "npm install again, on this machine and without --no-optional";

/** Loaded here and not before: where a native part is missing, that is what has to be said. */
export async function engines(): Promise<Finding[]> {
  return [await engine("log", openLog), await engine("results", openResults)];
}

async function engine(name: string, open: () => Promise<void>): Promise<Finding> {
  try {
    await open();
    return ok(name, `the engine of the ${name} works`);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return fail(name, `the engine of the ${name} does not work: ${reason}`, REINSTALL);
  }
}

async function openLog(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "testyard-doctor-"));
  try {
    const { openLmdbLog } = await import("../../log/index.ts");
    const log = await openLmdbLog({ dir });
    await log.close();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function openResults(): Promise<void> {
  const { describeSchema } = await import("../../results/index.ts");
  await describeSchema();
}
