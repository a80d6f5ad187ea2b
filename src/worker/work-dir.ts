/**
 * The folder that a worker calls its own: cache, results not yet delivered, attempts. Two workers in one
 * folder would end each other's processes, so it is claimed by a file that names the process. A claim whose
 * process is gone is moved away before a new one is made; of several that try, the exclusive creation lets
 * one through.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export class WorkDirInUse extends Error {
  override readonly name = "WorkDirInUse";
  readonly code = "work_dir_in_use";
  readonly hint = "give this worker another folder with --work-dir";
  readonly details: { path: string; pid: number };

  constructor(path: string, pid: number) {
    super(`process ${pid} is a worker in ${path}`);
    this.details = { path, pid };
  }
}

export interface WorkDir {
  readonly path: string;
  join(name: string): string;
  /** The id that this folder remembers; made at the first call. */
  rememberedId(make: () => string): string;
  release(): void;
}

interface Owner {
  pid: number;
  pid_started: string;
}

const WORKERS_PER_USER = 256;

export interface Host {
  /** Where folders go that nobody named. */
  stateDir: string;
  /** null when there is no such process. */
  startTimeOf(pid: number): string | null;
}

export function claimWorkDir(path: string | undefined, host: Host): WorkDir {
  if (path !== undefined) return claim(resolve(path), host);
  for (let n = 1; ; n++) {
    try {
      return claim(join(host.stateDir, "workers", String(n)), host);
    } catch (error) {
      if (!(error instanceof WorkDirInUse) || n === WORKERS_PER_USER) throw error;
    }
  }
}

function claim(path: string, host: Host): WorkDir {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const ownerPath = join(path, "owner.json");
  const mine: Owner = { pid: process.pid, pid_started: host.startTimeOf(process.pid) ?? "" };
  while (!create(ownerPath, mine)) {
    const owner = read(ownerPath);
    if (owner !== null && isAlive(owner, host)) throw new WorkDirInUse(path, owner.pid);
    moveAway(ownerPath, owner);
  }
  return {
    path,
    join: (name) => join(path, name),
    rememberedId: (make) => rememberedId(join(path, "worker-id"), make),
    release: () => rmSync(ownerPath, { force: true }),
  };
}

function isAlive(owner: Owner, host: Host): boolean {
  return owner.pid !== process.pid && host.startTimeOf(owner.pid) === owner.pid_started;
}

/** Whole or not at all: a link to a finished file fails when the name is taken. */
function create(ownerPath: string, owner: Owner): boolean {
  const finished = `${ownerPath}.${owner.pid}.tmp`;
  writeFileSync(finished, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  try {
    linkSync(finished, ownerPath);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(finished, { force: true });
  }
}

function read(path: string): Owner | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Owner;
  } catch {
    return null;
  }
}

/** What was moved may be a quicker worker's claim by now; then it gets its name back. */
function moveAway(ownerPath: string, dead: Owner | null): void {
  const aside = `${ownerPath}.${process.pid}.old`;
  try {
    renameSync(ownerPath, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  if (moved !== null && (moved.pid !== dead?.pid || moved.pid_started !== dead.pid_started)) {
    create(ownerPath, moved);
  }
  rmSync(aside, { force: true });
}

function rememberedId(path: string, make: () => string): string {
  try {
    const id = readFileSync(path, "utf8").trim();
    if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id)) return id;
  } catch {
    // The first start.
  }
  const id = make();
  writeFileSync(path, `${id}\n`);
  return id;
}
