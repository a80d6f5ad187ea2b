// Submits a few tasks to a yard, tells what happens to them as it happens, and ends with 0 when all succeeded.
//
//   TESTYARD_COORDINATOR=http://127.0.0.1:8080 TESTYARD_KEY_FILE=…/client-key node smoke.js
import { readFileSync } from "node:fs";
import { ApiError, connect, Unreachable, type TaskInput } from "testyard/client";

const url = process.env["TESTYARD_COORDINATOR"] ?? "http://127.0.0.1:8080";
const keyFile = process.env["TESTYARD_KEY_FILE"];

const client = connect({
  url,
  ...(keyFile !== undefined && { key: readFileSync(keyFile, "utf8").trim() }),
});

const tasks: TaskInput[] = ["echo one", "echo two", "sleep 0.1"].map((shell) => ({
  type: "command",
  name: shell,
  config: { shell },
  timeout_seconds: 60,
}));

async function main(): Promise<number> {
  const { run_id, task_ids } = await client.submitTasks(tasks, { run: { name: "smoke" } });
  const open = new Set(task_ids);
  let failed = 0;
  // The feed goes on by itself over a broken connection; leaving the loop closes it.
  for await (const item of client.feed(run_id)) {
    if (item.kind !== "task_ended") continue;
    const { name } = await client.task(item.task_id);
    console.log(`${item.state} ${name}`);
    if (item.state !== "completed") failed += 1;
    open.delete(item.task_id);
    if (open.size === 0) break;
  }
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof ApiError) console.error(`refused: ${error.code}: ${error.detail}`);
  else if (error instanceof Unreachable) console.error(error.message);
  else throw error;
  process.exitCode = 3;
}
