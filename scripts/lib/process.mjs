// Child processes of the scripts: either captured (the checks, which speak only when they fail) or passed
// through (the tests, which speak as they go). Tools are called by path, because `npx` costs 0.4 s a call.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const bin = (name) => join(ROOT, "node_modules", ".bin", name);

/** Runs a program; resolves to { code, stdout, stderr }. `onOutput(text)` sees both streams as they come. */
export function run(command, args, options = {}) {
  const { env = {}, onOutput, input = "ignore" } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: [input, "pipe", "pipe"],
    });
    const streams = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8");
      child[name].on("data", (text) => {
        streams[name] += text;
        onOutput?.(text);
      });
    }
    child.on("error", (error) =>
      resolve({ code: 127, stdout: "", stderr: `${command}: ${error.message}\n` }),
    );
    child.on("close", (code, signal) => {
      if (signal) streams.stderr += `${command} was ended by ${signal}\n`;
      resolve({ code: code ?? 1, ...streams });
    });
  });
}

/** Runs a program on this terminal and ends this process as it ended. */
export function become(command, args) {
  const child = spawn(command, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`${command}: ${error.message}`);
    process.exitCode = 3;
  });
  child.on("close", (code, signal) => {
    process.exitCode = signal ? 130 : code;
  });
}

export const seconds = (since) => (performance.now() - since) / 1000;
