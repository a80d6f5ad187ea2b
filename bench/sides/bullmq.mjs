// BullMQ over a Redis of our own that flushes its log before it answers: appendfsync always, where one flush
// serves all commands of one loop. Finished jobs are removed, which is less to write than keeping them.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { folderOf } from "../lib/find-program.mjs";
import { freePort } from "../lib/free-port.mjs";
import { missingPackage } from "../lib/packages.mjs";

const SUBMIT = fileURLToPath(new URL("../bullmq/submit-process.mjs", import.meta.url));
const TUNING = {
  appendonly: "yes",
  appendfsync: "always",
  // A snapshot or a rewrite in the middle would only slow the peer down.
  save: '""',
  "auto-aof-rewrite-percentage": "0",
};

export const bullmq = {
  name: "bullmq",
  settings: { processes: 2, concurrency: 50, batch: 1_000, lanes: 4 },
  how: `Redis with ${Object.entries(TUNING)
    .map((pair) => pair.join(" "))
    .join(", ")}; removeOnComplete`,

  missing() {
    if (folderOf(["redis-server"]) === undefined) return "redis not installed: apt-get install redis-server";
    return missingPackage("bullmq");
  },

  async turn({ programs, folder, tasks, settings }) {
    const redis = await startRedis({ programs, folder });
    const env = { ...process.env };
    env.BENCH_SETTINGS = JSON.stringify({ ...settings, tasks, redis, queue: "bench" });
    return JSON.parse(await programs.output(process.execPath, [SUBMIT], { env }));
  },
};

async function startRedis({ programs, folder }) {
  const password = randomBytes(16).toString("hex");
  const dir = join(folder, "redis");
  mkdirSync(dir, { mode: 0o700 });
  const port = await freePort();
  const config = { ...TUNING, port, bind: "127.0.0.1", dir, requirepass: password, daemonize: "no" };
  const input = Object.entries(config)
    .map(([name, value]) => `${name} ${value}\n`)
    .join("");
  // The configuration comes on standard input, so that the password stands in no file and in no process list.
  const options = { cwd: dir, input, ready: /Ready to accept connections/, stream: "stdout" };
  await programs.startServer(join(folderOf(["redis-server"]), "redis-server"), ["-"], options);
  return { host: "127.0.0.1", port, password };
}
