/** testyard task ID: everything about one task, above all why it waits or how it ended. */
import type { Command } from "commander";
import { oneLine } from "../../reports/index.ts";
import type { AttemptView, Explanation, TaskDetail } from "../../protocol/index.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson } from "../io.ts";
import { ago, duration } from "../table.ts";
import { reasonOf } from "../run/unplaceable.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

export function registerTask(program: Command, finish: Finish): void {
  const command = program
    .command("task <id>")
    .description("show a task, and why it waits or how it ended")
    .action(async (id: string, flags: ClientFlags) => {
      const client = await clientOf(flags);
      const task = await client.task(id);
      if (flags.json) printJson(task);
      else print(taskText(task));
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), ["testyard task 01J…", "testyard task 01J… --json"]);
}

function taskText(task: TaskDetail): string {
  // While it waits, the explanation begins with the same words.
  const reason = task.explanation === null ? task.reason : null;
  const lines = [
    `${task.task_id}  ${oneLine(task.name)}`,
    `state         ${task.state}${reason === null ? "" : `: ${oneLine(reason)}`}`,
    `run           ${task.run_id}   project ${task.project}`,
    `type          ${task.type}   priority ${task.priority}   time limit ${duration(task.timeout_ms)}`,
    `submitted     ${ago(task.submitted_at)}`,
    `requirements  ${JSON.stringify(task.requirements)}`,
    `config        ${JSON.stringify(task.config).slice(0, 500)}`,
    ...(task.dependencies.length > 0 ? [`after         ${task.dependencies.join(", ")}`] : []),
    ...(task.explanation === null ? [] : waitingLines(task.explanation)),
    ...task.attempt_list.map(attemptLine),
  ];
  return lines.join("\n");
}

function waitingLines(explanation: Explanation): string[] {
  return reasonOf(explanation)
    .split("\n")
    .map((line, i) => `${i === 0 ? "waits         " : "              "}${oneLine(line)}`);
}

function attemptLine(attempt: AttemptView): string {
  const parts = [
    attempt.state.replace("_", " "),
    `on ${attempt.worker_id}`,
    ...(attempt.duration_ms === null ? [] : [duration(attempt.duration_ms)]),
    ...(attempt.exit_code === null ? [] : [`exit ${attempt.exit_code}`]),
    ...(attempt.signal === null ? [] : [attempt.signal]),
    ...(attempt.error === null ? [] : [oneLine(attempt.error.message)]),
  ];
  return `attempt ${String(attempt.attempt).padEnd(5)} ${parts.join("  ")}`;
}
