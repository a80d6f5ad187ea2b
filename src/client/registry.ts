/**
 * Where the coordinators of this user are: one small file a port, so that a client finds data directory and
 * key by the port alone. A file whose process is gone says nothing; it is passed over, and written anew by
 * whoever listens there next.
 */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

export interface RegisteredCoordinator {
  url: string;
  data_dir: string;
  pid: number;
  pid_started: string;
}

/** Start time of a living process, null when there is none with that pid. */
type StartTimeOf = (pid: number) => string | null;

function folderOf(stateDir: string): string {
  return join(stateDir, "coordinators");
}

function fileOf(stateDir: string, port: number): string {
  return join(folderOf(stateDir), `${port}.json`);
}

/** @returns takes the entry back, unless somebody else's has taken its place */
export async function registerCoordinator(
  stateDir: string,
  { port, entry }: { port: number; entry: RegisteredCoordinator },
): Promise<() => Promise<void>> {
  await mkdir(folderOf(stateDir), { recursive: true, mode: 0o700 });
  const file = fileOf(stateDir, port);
  const unfinished = `${file}.${entry.pid}.tmp`;
  const handle = await open(unfinished, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(entry)}\n`);
  } finally {
    await handle.close();
  }
  await rename(unfinished, file);
  return async () => {
    const now = await readEntry(file);
    if (now?.pid === entry.pid && now.pid_started === entry.pid_started) await rm(file, { force: true });
  };
}

/** The living coordinator on a port; null when none is known. */
export async function findCoordinator(
  stateDir: string,
  { port, startTimeOf }: { port: number; startTimeOf: StartTimeOf },
): Promise<RegisteredCoordinator | null> {
  const entry = await readEntry(fileOf(stateDir, port));
  return entry !== null && startTimeOf(entry.pid) === entry.pid_started ? entry : null;
}

/** All living ones, by port. */
export async function listCoordinators(
  stateDir: string,
  startTimeOf: StartTimeOf,
): Promise<RegisteredCoordinator[]> {
  const names = await readdir(folderOf(stateDir)).catch(() => []);
  const ports = names.flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? []).map(Number);
  const found: RegisteredCoordinator[] = [];
  for (const port of ports.sort((a, b) => a - b)) {
    const entry = await findCoordinator(stateDir, { port, startTimeOf });
    if (entry !== null) found.push(entry);
  }
  return found;
}

async function readEntry(file: string): Promise<RegisteredCoordinator | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return isEntry(value) ? value : null;
  } catch {
    return null;
  }
}

function isEntry(value: unknown): value is RegisteredCoordinator {
  if (typeof value !== "object" || value === null) return false;
  const { url, data_dir, pid, pid_started } = value as Record<string, unknown>;
  return (
    typeof url === "string" &&
    typeof data_dir === "string" &&
    Number.isInteger(pid) &&
    typeof pid_started === "string"
  );
}
