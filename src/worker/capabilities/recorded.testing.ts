/** For tests: a machine made of recorded files and answers. */
import type { RunProcess } from "../../adapters/index.ts";
import type { ReadText } from "./cgroup.ts";

export function filesOf(files: Record<string, string>): ReadText {
  return (path) => files[path] ?? null;
}

/** Answers by the program's name; what is not named is not installed. */
export function answersOf(
  answers: Record<string, string | { code: number; stdout: string }>,
): RunProcess & { asked: string[][] } {
  const asked: string[][] = [];
  const run: RunProcess = async (argv) => {
    asked.push(argv);
    const answer = answers[argv[0] ?? ""];
    if (answer === undefined) throw Object.assign(new Error("ENOENT"), { code: "spawn_failed" });
    return typeof answer === "string" ? { code: 0, stdout: answer, stderr: "" } : { ...answer, stderr: "" };
  };
  return Object.assign(run, { asked });
}
