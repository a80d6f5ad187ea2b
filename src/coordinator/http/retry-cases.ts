/**
 * A retry of only the cases that failed: `config.cases` of the new task, which adapters know.
 *
 * Narrowed is what is certain: the task failed by cases that are named one by one, and its document says so.
 * Whatever else went wrong (a time limit, a file that did not load, a process that crashed) repeats it whole.
 */
import { posix } from "node:path";
import type { TaskSpec } from "../../core/index.ts";
import { labelOf, type TaskPayload } from "../../protocol/index.ts";
import type { ResultCase } from "../../results/index.ts";
import type { HttpContext } from "./context.ts";
import { isLargePayload } from "./submission.ts";

interface CaseRef {
  file: string;
  name: string;
  parameters?: string;
}

/** `(file)` and its like stand for more than one case. */
const STANDS_FOR_MORE = /(?:^|> )\([^()]*\)$/;

/** Changes the payloads of those that can be narrowed. Their results must have caught up. */
export async function narrowToFailedCases(context: HttpContext, tasks: TaskSpec[]): Promise<void> {
  for (const [i, task] of tasks.entries()) {
    // What is stored as a blob says nothing to SQL, which must see that a task ran only some cases.
    if (task.type !== "test" || typeof task.payload !== "string" || task.retry_of === undefined) continue;
    const payload = JSON.parse(task.payload) as TaskPayload;
    if (typeof payload.config?.["adapter"] !== "string") continue;
    const cases = await failedCases(context, task.retry_of, payload.config);
    if (cases === null) continue;
    const narrowed = {
      ...task,
      payload: JSON.stringify({ ...payload, config: { ...payload.config, cases } }),
    };
    if (!isLargePayload(narrowed)) tasks[i] = narrowed;
  }
}

/** null: not certain that these are all. */
async function failedCases(
  { results }: HttpContext,
  task_id: string,
  config: TaskPayload["config"],
): Promise<CaseRef[] | null> {
  const last = (await results.query("attempts", { task_id })).at(-1);
  if (last?.state !== "failed" || last.error !== null || last.counts === null) return null;
  const bad = (await results.query("cases", { task_id })).filter(
    ({ outcome }) => outcome === "failed" || outcome === "error",
  );
  if (bad.length === 0 || bad.length !== last.counts.failed + last.counts.error) return null;
  if (bad.some(({ name, file }) => file === "" || STANDS_FOR_MORE.test(name))) return null;
  const suite = typeof config["suite"] === "string" ? config["suite"] : ".";
  const matrix = config["matrix"];
  const variant = typeof matrix === "object" && matrix !== null ? labelOf({ ...matrix }) : "";
  return bad.map((each) => caseRef(each, { suite, variant }));
}

/** Results name files from the workspace and add the combination of a matrix; frameworks know neither. */
function caseRef(
  { file, name, parameters }: ResultCase,
  { suite, variant }: { suite: string; variant: string },
): CaseRef {
  const place = posix.isAbsolute(suite) ? file : posix.relative(suite, file) || ".";
  const own = variant === "" ? parameters : withoutEnd(parameters ?? "", variant);
  return { file: place, name, ...(own !== null && own !== "" && { parameters: own }) };
}

function withoutEnd(text: string, end: string): string {
  return text.endsWith(end) ? text.slice(0, -end.length).replace(/; $/, "") : text;
}
