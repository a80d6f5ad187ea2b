/**
 * Who may write. LMDB lets any number of processes open a log for writing; two coordinators would both lead.
 *
 * A claim is a file `owner-N.json` that names a process (pid and start time). The highest N decides: whoever
 * finds its process dead, or released, makes N+1, and the file system lets one of several do that, because
 * the name is created exclusively and with its content already in it (a link to a finished file, so that no
 * reader ever meets half of one). Numbers only rise and the highest file is never removed; with one name
 * taken away and made again, a slow taker could remove the claim of a quick one.
 *
 * A pid alone proves nothing, it may belong to another process by now: hence the start time. What neither
 * can see is a process in another pid namespace or on another host, and such a directory is not shared.
 */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LogInUse } from "./errors.ts";

export interface ClaimOptions {
  pid: number;
  pidStarted: string;
  coordinatorId: string;
  /** Milliseconds since 1970, for people to read. */
  now: number;
  /** Start time of a living process in the system's own unit, null when there is none with that pid. */
  startTimeOf: (pid: number) => string | null;
}

export interface DirectoryClaim {
  /** Says that the process is done with the directory while it lives on. */
  release(): void;
}

interface OwnerFile {
  pid: number;
  pid_started: string;
  coordinator_id: string;
  since: number;
  released: boolean;
}

/** Throws LogInUse while a living process holds the directory. Leftovers of dead ones are taken over. */
export function claimDirectory(dir: string, options: ClaimOptions): DirectoryClaim {
  mkdirSync(dir, { recursive: true });
  const mine: OwnerFile = {
    pid: options.pid,
    pid_started: options.pidStarted,
    coordinator_id: options.coordinatorId,
    since: options.now,
    released: false,
  };
  for (;;) {
    const newest = claimNumbers(dir).at(-1) ?? 0;
    const owner = newest === 0 ? null : readOwner(dir, newest);
    if (owner !== null && !owner.released && isAlive(owner, options)) throw new LogInUse(owner);
    const claim = { number: newest + 1, owner: mine };
    if (create(dir, claim) && isHighest(dir, claim)) return settle(dir, claim);
  }
}

/**
 * A taker so slow that its number was taken, left behind and tidied away meanwhile makes it a second time.
 * Tidying needs a higher number, and the highest one stays: it is there to be seen.
 */
function isHighest(dir: string, claim: Claim): boolean {
  if (claimNumbers(dir).at(-1) === claim.number) return true;
  rmSync(pathOf(dir, claim.number), { force: true });
  return false;
}

/**
 * Throws LogInUse when the leader that the log names still runs and is not this process: a coordinator whose
 * claim file was lost, or which shares the directory with its standbys.
 */
export function refuseLivingLeader(
  leader: { pid: number; pid_started: string; coordinator_id: string; claimed_at: number } | null,
  self: Pick<ClaimOptions, "pid" | "pidStarted" | "startTimeOf">,
): void {
  if (leader === null || !isAlive(leader, self)) return;
  if (leader.pid === self.pid && leader.pid_started === self.pidStarted) return;
  throw new LogInUse({ ...leader, since: leader.claimed_at });
}

function isAlive(
  owner: { pid: number; pid_started: string },
  { startTimeOf }: Pick<ClaimOptions, "startTimeOf">,
): boolean {
  return startTimeOf(owner.pid) === owner.pid_started;
}

interface Claim {
  number: number;
  owner: OwnerFile;
}

const NAME = /^owner-(\d+)\.json$/;
const pathOf = (dir: string, number: number): string => join(dir, `owner-${number}.json`);

function claimNumbers(dir: string): number[] {
  const numbers = readdirSync(dir).flatMap((name) => NAME.exec(name)?.[1] ?? []);
  return numbers.map(Number).sort((a, b) => a - b);
}

/** Null when it cannot be read: flushed before it had its name, it is whole or somebody damaged it. */
function readOwner(dir: string, number: number): OwnerFile | null {
  try {
    return JSON.parse(readFileSync(pathOf(dir, number), "utf8")) as OwnerFile;
  } catch {
    return null;
  }
}

/** False when somebody else was quicker. */
function create(dir: string, claim: Claim): boolean {
  const finished = writeFinished(dir, claim);
  try {
    linkSync(finished, pathOf(dir, claim.number));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(finished, { force: true });
  }
}

function writeFinished(dir: string, { number, owner }: Claim): string {
  const path = join(dir, `.owner-${number}.${owner.pid}.tmp`);
  const file = openSync(path, "w", 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(owner)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return path;
}

function settle(dir: string, claim: Claim): DirectoryClaim {
  for (const number of claimNumbers(dir)) {
    if (number < claim.number) rmSync(pathOf(dir, number), { force: true });
  }
  return {
    release() {
      const released = { ...claim, owner: { ...claim.owner, released: true } };
      renameSync(writeFinished(dir, released), pathOf(dir, claim.number));
    },
  };
}
