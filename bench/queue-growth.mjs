// Do batches slow down as the queue grows? 100,000 tasks in batches of 1,000 to a coordinator without
// workers; prints the median time of a batch for each tenth, and the memory a queued task costs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = join(dirname(dirname(fileURLToPath(import.meta.url))), "dist");
const { connect } = await import(join(DIST, "client/index.js"));
const TASKS = 100_000;
const BATCH = 1_000;
const TASK = { type: "command", config: { command: ["true"] } };

const dir = mkdtempSync(join(tmpdir(), "testyard-growth-"));
const flags = ["coordinator", "--port", "0", "--data-dir", dir];
const coordinator = spawn(process.execPath, [join(DIST, "cli/main.js"), ...flags], {
  stdio: ["ignore", "ignore", "pipe"],
});
try {
  const url = await address();
  const client = connect({ url, key: readFileSync(join(dir, "client-key"), "utf8").trim() });
  const { run_id } = await client.openRun({ name: "growth" });
  const before = residentKb();
  const times = [];
  for (let sent = 0; sent < TASKS; sent += BATCH) {
    const since = performance.now();
    await client.submitTasks(
      Array.from({ length: BATCH }, () => TASK),
      { run_id },
    );
    times.push(performance.now() - since);
  }
  const tenth = times.length / 10;
  for (let i = 0; i < 10; i++) {
    const part = times.slice(i * tenth, (i + 1) * tenth).sort((a, b) => a - b);
    const queued = String((i + 1) * tenth * BATCH).padStart(7);
    console.log(`${queued} queued: ${part[tenth / 2].toFixed(1)} ms a batch`);
  }
  const { total, counts } = await client.run(run_id);
  const grown = ((residentKb() - before) * 1024) / TASKS;
  console.log(
    `${total} tasks, ${counts.queued} queued, ${Math.round(grown)} bytes of resident memory a task`,
  );
} finally {
  coordinator.kill("SIGTERM");
  await once(coordinator, "exit");
  rmSync(dir, { recursive: true, force: true });
}

function address() {
  let said = "";
  return new Promise((resolve, reject) => {
    coordinator.stderr.on("data", (chunk) => {
      said += chunk;
      const found = /coordinator at (http:\S+?),/.exec(said);
      if (found) resolve(found[1]);
    });
    coordinator.once("exit", () => reject(new Error(said)));
  });
}

function residentKb() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${coordinator.pid}/status`, "utf8"))[1]);
}
