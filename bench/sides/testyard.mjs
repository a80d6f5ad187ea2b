// Our own side: the command that everybody can run, `testyard bench throughput`, in a process of its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = join(ROOT, "dist/cli/main.js");

export const testyard = {
  name: "testyard",
  settings: { workers: 4 },
  how: "coordinator, 4 workers of 256 slots, LMDB log flushed before each acknowledgement, results in DuckDB",
  missing: () => (existsSync(PROGRAM) ? undefined : "testyard not built: npm run build"),

  async turn({ programs, folder, tasks, settings }) {
    const flags = ["--tasks", String(tasks), "--workers", String(settings.workers), "--json"];
    const env = { ...process.env, TMPDIR: folder };
    const options = { cwd: ROOT, env };
    const text = await programs.output(process.execPath, [PROGRAM, "bench", "throughput", ...flags], options);
    const report = JSON.parse(text);
    return {
      tasks: report.tasks,
      completed: report.results_rows,
      seconds: report.seconds,
      submit_seconds: report.submit_seconds,
      details: report,
    };
  },
};
