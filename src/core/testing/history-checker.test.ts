import { describe, expect, it } from "vitest";
import type { Event } from "../event.ts";
import * as a from "./build.ts";
import { given, type Step } from "./given.ts";
import { checkHistory } from "./history-checker.ts";
import type { Recorded } from "./yard.ts";

const gpu = { cpu_milli: 4_000, memory_mb: 1_024, gpu: 1 };
const story: Step[] = [
  a.claim,
  a.openRun,
  a.register("w1", { capabilities: a.capabilities({ gpus: [a.gpu(0), a.gpu(1)] }) }),
  a.submit([a.task("t", { max_retries: 1, resources: gpu }), a.task("u", { dependencies: ["t"] })], {
    idempotency: { key: "k", body_hash: "h" },
  }),
  a.submit([a.task("k1", { requirements: { concurrency_key: "db" }, resources: gpu })]),
  a.submit([a.task("k2", { requirements: { concurrency_key: "db" } })]),
  a.submit([a.task("quiet", { requirements: { exclusive: true } })]),
];

const historyOf = (...steps: (Step | Step[])[]): Recorded[] => given(story, ...steps).yard.history;
const then = (history: readonly Recorded[], ...events: Event[]): Recorded[] => [
  ...history,
  ...events.map((event) => ({ position: 99, at: 99_999, event })),
];

const running = historyOf(a.assign("t"), a.start("t"));
const retried = historyOf(a.run("t", "failed"), a.assign("t"), a.start("t", { attempt: 2 }));
const done = historyOf(a.run("t", "passed"));
const lease = { attempt: 1, worker_id: "w1", incarnation: "w1/1", slot: 1, gpus: [0], assigned_at: 1_000 };
const own = (task_id: string) => ({ v: 1, task_id, run_id: "run" }) as const;
const assigned = (task_id: string, differences: Partial<typeof lease> = {}): Event => ({
  type: "AttemptAssigned",
  v: 1,
  task_id,
  lease: { ...lease, ...differences },
});
const finished = (task_id: string, differences: Partial<typeof lease> = {}): Event => ({
  type: "AttemptFinished",
  ...own(task_id),
  lease: { ...lease, ...differences },
  result: a.result("failed"),
  next: { state: "retry", retry_at: 0 },
});
const skipped = (because: { task_id: string; state: "failed" | "completed" }): Event => ({
  type: "TaskSkipped",
  ...own("u"),
  because,
});
const find = (history: readonly Recorded[], type: Event["type"]) =>
  history.filter(({ event }) => event.type === type);

describe("the judge of histories", () => {
  it("has nothing against a good one", () => {
    for (const history of [running, retried, done]) expect(() => checkHistory(history)).not.toThrow();
  });

  it.each<[string, readonly Recorded[]]>([
    ["epochs rise by one", [...running, ...find(running, "LeaderClaimed")]],
    [
      "one attempt of a task is out at a time",
      then(running, assigned("t", { attempt: 2, slot: 0, gpus: [1] })),
    ],
    ["attempts are numbered from 1 without gaps", then(historyOf(), assigned("t", { attempt: 2 }))],
    ["an outcome comes from the attempt that is out", then(retried, finished("t", { attempt: 1 }))],
    [
      "an outcome comes from the attempt that is out",
      then(retried, finished("t", { attempt: 2, incarnation: "w1/0" })),
    ],
    ["an end state never changes", [...done, ...find(done, "AttemptFinished")]],
    [
      "an end state never changes",
      then(done, { type: "TaskCancelled", ...own("t"), reason: "", lease: null }),
    ],
    [
      "the attempt that starts is the one out",
      then(running, { type: "AttemptStarted", v: 1, task_id: "t", attempt: 2 }),
    ],
    ["no start before all dependencies succeeded", then(running, assigned("u", { gpus: [] }))],
    ["a success skips nothing", then(done, skipped({ task_id: "t", state: "completed" }))],
    ["the reason of a skip is true", then(running, skipped({ task_id: "t", state: "failed" }))],
    ["a task is skipped because of a dependency", then(running, skipped({ task_id: "k1", state: "failed" }))],
    [
      "counted attempts stay within the retries",
      then(
        retried,
        finished("t", { attempt: 2 }),
        assigned("t", { attempt: 3 }),
        finished("t", { attempt: 3 }),
      ),
    ],
    ["only a poisoned task is released", then(running, { type: "TaskReleased", ...own("t"), reason: "" })],
    ["a task is forgotten after its end", then(running, { type: "TasksForgotten", v: 1, task_ids: ["t"] })],
    ["a slot has one task", then(running, assigned("k2", { slot: 0, gpus: [] }))],
    ["a slot has one task", then(historyOf(), assigned("t", { slot: 2 }))],
    ["a device has one task", then(historyOf(a.assign("t")), assigned("k1"))],
    ["a task gets the devices it asked for", then(historyOf(), assigned("t", { gpus: [] }))],
    ["a concurrency key has one holder", then(historyOf(a.assign("k1")), assigned("k2", { gpus: [] }))],
    ["an exclusive task is alone", then(historyOf(a.assign("k2")), assigned("quiet", { gpus: [] }))],
    ["an attempt goes to a worker that is here", then(historyOf(a.lose("w1")), assigned("k2", { gpus: [] }))],
    [
      "what is sealed was opened by the same leader",
      then(running, { type: "SubmissionSealed", v: 1, submission_id: "x" }),
    ],
  ])("sees when broken: %s", (rule, history) => {
    expect(() => checkHistory(history)).toThrow(rule);
  });

  it("sees a task that waits for ever", () => {
    const history = historyOf(a.cancel("t")).filter(({ event }) => event.type !== "TaskSkipped");
    expect(() => checkHistory(history)).toThrow("task u waits for t for ever");
  });

  it("sees a key that stands for two submissions", () => {
    const opened = find(running, "SubmissionOpened").slice(0, 1);
    const sealed = find(running, "SubmissionSealed").slice(0, 1);
    expect(() => checkHistory([...running, ...opened, ...sealed])).toThrow("a key stands for one submission");
  });

  it("sees too many losses to infrastructure", () => {
    const lost = (attempt: number): Event[] => [
      assigned("k2", { attempt, gpus: [] }),
      {
        type: "AttemptLost",
        ...own("k2"),
        lease: { ...lease, attempt, gpus: [] },
        was_running: true,
        reason: "",
        next: { state: "retry", retry_at: 0 },
      },
    ];
    const times = (count: number) => Array.from({ length: count }, (_, i) => lost(i + 1)).flat();
    expect(() => checkHistory(then(historyOf(), ...times(4)))).not.toThrow();
    expect(() => checkHistory(then(historyOf(), ...times(5)))).toThrow(
      "infrastructure losses stay within their budget",
    );
  });
});
