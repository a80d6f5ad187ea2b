/**
 * Submissions: many tasks that come into being together or not at all.
 *
 * Checked here: the key (a repeated one answers what it answered before), the ids, and the dependency graph:
 * unknown, self and cycle are refused; a dependency that has already ended without success makes the task,
 * and what depends on it, `skipped` from the start.
 */
import type { Submit } from "./command.ts";
import { accept, reject, type Decision } from "./decision.ts";
import type { Event, TasksAdded } from "./event.ts";
import type { State } from "./state.ts";
import { hasEnded, type EndState, type TaskSpec } from "./task.ts";

/** An event stays below this many bytes; tasks of one submission stand in as many events as they need. */
const EVENT_SIZE = 48 * 1024;

export function submit(state: State, command: Submit): Decision {
  const repeated = answerOfKey(state, command);
  if (repeated !== null) return repeated;
  const run = state.runs.get(command.run_id);
  if (run === undefined || run.project !== command.project) {
    return reject("run_unknown", `run ${command.run_id} is not open in project ${command.project}`);
  }
  const refused = checkRetries(state, command);
  if (refused !== null) return refused;
  const graph = checkGraph(state, command);
  if ("rejection" in graph) return { kind: "rejected", rejection: graph.rejection };
  const { submission_id, project, run_id, tasks, idempotency } = command;
  const first_task_id = tasks[0]?.task_id ?? "";
  const count = tasks.length;
  const events: Event[] = [
    { type: "SubmissionOpened", v: 1, submission_id, project, run_id, first_task_id, count, idempotency },
    ...tasksAdded(command),
    { type: "SubmissionSealed", v: 1, submission_id },
    ...graph.skipped,
  ];
  return accept(events, { kind: "submitted", run_id, first_task_id, count, replayed: false });
}

function answerOfKey(state: State, command: Submit): Decision | null {
  if (command.idempotency === null) return null;
  const { key, body_hash } = command.idempotency;
  const known = state.idempotency.get(`${command.project}/${key}`);
  if (known === undefined) return null;
  if (known.body_hash !== body_hash) {
    return reject("idempotency_key_reused", `the key ${key} was used before with another body`);
  }
  const { run_id, first_task_id, count } = known;
  return accept([], { kind: "submitted", run_id, first_task_id, count, replayed: true });
}

/** Only what has ended is repeated, and by one task: the next try repeats that one. */
function checkRetries(state: State, { tasks }: Submit): Decision | null {
  const repeated = new Set<string>();
  for (const { retry_of: old } of tasks) {
    if (old === undefined) continue;
    const status = state.tasks.get(old)?.status;
    if (status !== undefined && !hasEnded(status)) {
      return reject("task_open", `task ${old} is ${status.state}: only a task that has ended is repeated`, {
        task_id: old,
        state: status.state,
      });
    }
    const retry = state.retries.get(old);
    if (retry !== undefined || repeated.has(old)) {
      const by = retry === undefined ? "twice here" : `as ${retry} before: repeat that one`;
      return reject("task_retried", `task ${old} is repeated ${by}`, {
        task_id: old,
        retried_as: retry ?? null,
      });
    }
    repeated.add(old);
  }
  return null;
}

function tasksAdded(command: Submit): TasksAdded[] {
  const events: TasksAdded[] = [];
  const { submission_id } = command;
  let size = 0;
  for (const task of command.tasks) {
    const resolved = task.dependencies.filter((id) => Object.hasOwn(command.resolved, id));
    if (task.retry_of !== undefined && Object.hasOwn(command.resolved, task.retry_of)) {
      resolved.push(task.retry_of);
    }
    const weight = weigh(task) + resolved.length * 45;
    let event = events.at(-1);
    if (event === undefined || size + weight > EVENT_SIZE) {
      event = { type: "TasksAdded", v: 1, submission_id, tasks: [], resolved: {} };
      events.push(event);
      size = 0;
    }
    event.tasks.push(task);
    for (const id of resolved) event.resolved[id] = command.resolved[id] as EndState;
    size += weight;
  }
  return events;
}

/** Bytes that a task takes in its event, rather more than less: its text parts and the fixed ones. */
function weigh(task: TaskSpec): number {
  const payload = typeof task.payload === "string" ? bytesOf(task.payload) * 1.1 : 80;
  const isPlain = Object.keys(task.requirements).length === 0;
  const requirements = isPlain ? 2 : bytesOf(JSON.stringify(task.requirements));
  return 320 + bytesOf(task.name) + payload + requirements + task.dependencies.length * 29;
}

/** At most so many bytes in UTF-8. */
function bytesOf(text: string): number {
  return NOT_ASCII.test(text) ? text.length * 3 : text.length;
}

const NOT_ASCII = /[\u0080-\uffff]/;

type Graph = { skipped: Event[] } | { rejection: Extract<Decision, { kind: "rejected" }>["rejection"] };

interface Node {
  spec: TaskSpec;
  waiting: number;
  next: Node[];
  doomed: { task_id: string; state: EndState } | null;
}

function checkGraph(state: State, command: Submit): Graph {
  const nodes = new Map<string, Node>();
  for (const spec of command.tasks) {
    if (nodes.has(spec.task_id) || state.tasks.has(spec.task_id)) {
      return refusal("task_exists", `task ${spec.task_id} exists already`, spec);
    }
    nodes.set(spec.task_id, { spec, waiting: 0, next: [], doomed: null });
  }
  for (const node of nodes.values()) {
    for (const id of node.spec.dependencies) {
      if (id === node.spec.task_id)
        return refusal("dependency_self", `task ${id} depends on itself`, node.spec);
      const inBatch = nodes.get(id);
      if (inBatch !== undefined) {
        inBatch.next.push(node);
        node.waiting += 1;
        continue;
      }
      const before = stateBefore(state, command, id);
      if (before === undefined)
        return refusal("dependency_unknown", `no task ${id} to depend on`, node.spec, id);
      if (before !== "completed" && before !== "open") node.doomed ??= { task_id: id, state: before };
    }
  }
  return walk(nodes);
}

function stateBefore(state: State, command: Submit, id: string): EndState | "open" | undefined {
  const known = state.tasks.get(id);
  if (known === undefined) return Object.hasOwn(command.resolved, id) ? command.resolved[id] : undefined;
  return hasEnded(known.status) ? known.status.state : "open";
}

/** Topological order (Kahn): what is never reached stands in a cycle. */
function walk(nodes: Map<string, Node>): Graph {
  const ready = [...nodes.values()].filter((node) => node.waiting === 0);
  const skipped: Event[] = [];
  for (const node of ready) {
    const { task_id, run_id } = node.spec;
    if (node.doomed !== null)
      skipped.push({ type: "TaskSkipped", v: 1, task_id, run_id, because: node.doomed });
    for (const next of node.next) {
      next.waiting -= 1;
      if (node.doomed !== null) next.doomed ??= { task_id, state: "skipped" };
      if (next.waiting === 0) ready.push(next);
    }
  }
  const stuck = [...nodes.values()].find((node) => node.waiting > 0);
  if (stuck === undefined) return { skipped };
  return refusal("dependency_cycle", `the dependencies of ${stuck.spec.name} lead back to it`, stuck.spec);
}

function refusal(
  code: "task_exists" | "dependency_self" | "dependency_unknown" | "dependency_cycle",
  message: string,
  spec: TaskSpec,
  dependency?: string,
): Graph {
  const details = { task_id: spec.task_id, task_name: spec.name, ...(dependency && { dependency }) };
  return { rejection: { code, message, details } };
}
