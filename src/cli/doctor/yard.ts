/** The yard that commands here would talk to: key, coordinator, clock, workers, and what dead ones left. */
import { readdir, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { connect, listCoordinators } from "../../client/index.ts";
import { processStartTime } from "../../platform/index.ts";
import { DEFAULT_URL, findKey, httpUrl, type Target } from "../connection.ts";
import { version } from "../version.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

const ANSWER_MS = 2_000;
const SKEW_MS = 30_000;

export async function keyFile(dataDir: string): Promise<Finding> {
  const path = join(dataDir, "client-key");
  const found = await stat(path).catch(() => null);
  if (found === null) return ok("key", `no yard in ${dataDir} yet; its key is made at the first start`);
  if (process.platform === "win32" || (found.mode & 0o077) === 0)
    return ok("key", `${path} is its owner's alone`);
  return fail("key", `${path} can be read by others`, `chmod 600 ${path}`);
}

export interface Addressed extends Target {
  /** A person named it: then nobody there is a failure. */
  isNamed: boolean;
}

/** Coordinator, its version, the clock and its workers. */
export async function coordinator(target: Addressed): Promise<Finding[]> {
  const url = httpUrl(target.coordinator ?? DEFAULT_URL);
  const key = await findKey(url, target).catch(() => null);
  const client = connect({ url, patienceMs: ANSWER_MS, ...(key !== null && { key }) });
  const status = await client.status().catch(() => null);
  if (status === null) return [await nobody(url, target)];
  const { workers } = status;
  return [
    ok("coordinator", `${status.coordinator_id} answers at ${url}`),
    sameVersion(status.version),
    skew(await serverTime(url), Date.now()),
    workers.connected > 0
      ? ok("workers", `${workers.connected} connected`)
      : warn("workers", "none is connected: tasks wait", `testyard worker --coordinator ${url}`),
    status.results.failed === null
      ? ok("answers", `results are ${status.results.behind} records behind the log`)
      : fail("answers", `no results: ${status.results.failed}`, "testyard rebuild"),
  ];
}

async function nobody(url: string, { isNamed }: Addressed): Promise<Finding> {
  const start = "testyard up, or testyard coordinator";
  if (isNamed) return fail("coordinator", `nobody answers at ${url}`, start);
  const { port } = new URL(url);
  if (await isFree(Number(port)))
    return ok("coordinator", `none runs at ${url}; port ${port} is free for one`);
  const other = "give testyard up another --port, or stop what listens there";
  return warn("coordinator", `something else listens on port ${port}`, other);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

export function sameVersion(theirs: string, ours: string = version()): Finding {
  if (theirs === ours) return ok("version", `both are ${ours}`);
  const next = "install the same version on both sides";
  return warn("version", `the coordinator is ${theirs}, this program ${ours}`, next);
}

/** By the `Date` of an answer, in whole seconds. */
async function serverTime(url: string): Promise<number> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), ANSWER_MS);
  try {
    const response = await fetch(`${url}/healthz`, { signal: limit.signal });
    return Date.parse(response.headers.get("date") ?? "");
  } finally {
    clearTimeout(timer);
  }
}

export function skew(theirs: number, ours: number): Finding {
  const seconds = Math.round((theirs - ours) / 1000);
  if (Number.isNaN(seconds))
    return warn("clock", "the coordinator does not say what time it is", "look at both clocks");
  if (Math.abs(theirs - ours) <= SKEW_MS) return ok("clock", "agrees with the coordinator's");
  const message = `the coordinator's clock is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead" : "behind"}`;
  return warn("clock", message, "synchronise both clocks, with NTP for instance");
}

/** Entries of coordinators that are gone, and work that was broken off. */
export async function leftovers(state: string, dataDir: string): Promise<Finding> {
  const names = (await readdir(join(state, "coordinators")).catch(() => [])).filter((name) =>
    /^\d+\.json$/.test(name),
  );
  const living = await listCoordinators(state, processStartTime);
  const beside = await readdir(join(dataDir, "..")).catch(() => []);
  const within = await readdir(dataDir).catch(() => []);
  const broken = [
    ...beside.filter((name) => name.endsWith(".restoring")),
    ...within.filter((name) => name.endsWith(".rebuild")),
  ];
  if (broken.length > 0) {
    return warn(
      "leftovers",
      `broken off: ${broken.join(", ")}`,
      `remove what was broken off, in or beside ${dataDir}`,
    );
  }
  const dead = names.length - living.length;
  if (dead <= 0) return ok("leftovers", "nothing of dead yards");
  const next = `they do no harm; rm ${join(state, "coordinators")}/PORT.json removes one`;
  return warn("leftovers", `${dead} entries of coordinators that were killed`, next);
}
