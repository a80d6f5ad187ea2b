/** Tasks as people write them: a file with one or a list of them, or standard input. */
import { readFile } from "node:fs/promises";
import { parseJson, type TaskInput } from "../../protocol/index.ts";
import { usage } from "../errors.ts";

export async function readTasks(path: string): Promise<TaskInput[]> {
  const text = path === "-" ? await standardInput() : await readTaskFile(path);
  const parsed = parseJson(text);
  if (!parsed.ok) throw usage(`${path}: ${parsed.error.message}`);
  // What is wrong with a task is the coordinator's to say, with a pointer to the place.
  const tasks = (Array.isArray(parsed.value) ? parsed.value : [parsed.value]) as TaskInput[];
  if (tasks.length === 0) throw usage(`${path} holds no task`);
  return tasks;
}

async function readTaskFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const next = "name a file with one task or a list of tasks as JSON";
    throw usage(code === "ENOENT" ? `${path} does not exist` : `${path} cannot be read: ${message}`, next);
  }
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
