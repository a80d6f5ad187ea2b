// graphile-worker over a PostgreSQL of our own, with what its documentation calls for at high throughput:
// jobs fetched in blocks into a local queue, completions batched, success not logged, add_jobs in batches.
// PostgreSQL has the settings that anybody would change first; what makes it durable is left on.
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { folderOf, postgresFolders } from "../lib/find-program.mjs";
import { freePort } from "../lib/free-port.mjs";
import { missingPackage } from "../lib/packages.mjs";

const SUBMIT = fileURLToPath(new URL("../graphile-worker/submit-process.mjs", import.meta.url));
const TUNING = {
  shared_buffers: "256MB",
  max_wal_size: "4GB",
  checkpoint_timeout: "15min",
  jit: "off",
  // As delivered, but said: a peer that does not flush would be no peer.
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
};
const bin = () => folderOf(["initdb", "postgres"], postgresFolders());
const isRoot = () => process.getuid?.() === 0;

export const graphileWorker = {
  name: "graphile-worker",
  settings: {
    processes: 4,
    concurrency: 24,
    pool_size: 24,
    local_queue: 500,
    complete_batch_delay_ms: 0,
    batch: 1_000,
    lanes: 2,
  },
  how: `PostgreSQL with ${Object.entries(TUNING)
    .map((pair) => pair.join("="))
    .join(" ")}`,

  missing() {
    if (bin() === undefined) return "postgresql not installed: apt-get install postgresql";
    if (isRoot() && postgresUser() === undefined) return "postgresql: root may not run it, no user postgres";
    return missingPackage("graphile-worker");
  },

  async turn({ programs, folder, tasks, settings }) {
    const database = await startPostgres({ programs, folder });
    const env = { ...process.env, NO_LOG_SUCCESS: "1" };
    env.BENCH_SETTINGS = JSON.stringify({ ...settings, tasks, database });
    return JSON.parse(await programs.output(process.execPath, [SUBMIT], { env }));
  },
};

async function startPostgres({ programs, folder }) {
  const password = randomBytes(16).toString("hex");
  const passwordFile = join(folder, "password");
  const home = join(folder, "postgres");
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const user = isRoot() ? postgresUser() : {};
  if (isRoot()) for (const path of [home, passwordFile]) chownSync(path, user.uid, user.gid);

  const options = { ...user, cwd: home };
  const data = join(home, "data");
  const access = ["--auth=scram-sha-256", `--pwfile=${passwordFile}`, "--username=bench"];
  const init = ["-D", data, ...access, "--encoding=UTF8", "--locale=C"];
  await programs.output(join(bin(), "initdb"), init, options);
  const port = await freePort();
  const server = ["-D", data, ...flags({ ...TUNING, ...reachable(port) })];
  const ready = /database system is ready to accept connections/;
  const signs = { ready, stream: "stderr", stopWith: "SIGINT" };
  await programs.startServer(join(bin(), "postgres"), server, { ...options, ...signs });
  return { host: "127.0.0.1", port, user: "bench", password, database: "postgres" };
}

const reachable = (port) => ({ port, listen_addresses: "127.0.0.1", unix_socket_directories: "" });
const flags = (values) => Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

function postgresUser() {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith("postgres:"));
  if (line === undefined) return undefined;
  const [, , uid, gid] = line.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}
