import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";
import { evolve } from "./evolve.ts";
import { checkInvariants } from "./invariants.ts";
import { restoreState, saveState, type SnapshotLine } from "./snapshot.ts";
import type { State } from "./state.ts";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";

const through = (state: State): State => {
  const text = [...saveState(state)].map((line) => JSON.stringify(line));
  return restoreState(text.map((line) => JSON.parse(line) as SnapshotLine));
};
const comparable = (state: State) => JSON.parse(JSON.stringify([...saveState(state)])) as unknown;

const busy = () => {
  const exclusive = a.task("quiet", { requirements: { exclusive: true, concurrency_key: "k" } });
  const device = a.task("gpu", { resources: { cpu_milli: 500, memory_mb: 10, gpu: 1 } });
  const worker = { capabilities: a.capabilities({ gpus: [a.gpu(0), a.gpu(1)] }) };
  return given(a.claim, { ...a.openRun, run_key: "key" }, a.register("w1", worker), a.register("w2", worker))
    .and(
      a.submit([
        a.task("t", { max_retries: 1, retry_delay_ms: 70 }),
        a.task("u", { dependencies: ["t"] }),
        device,
        exclusive,
      ]),
    )
    .and(a.submit([a.task("v"), a.task("w")], { idempotency: { key: "k", body_hash: "h" } }))
    .and(
      a.run("t", "failed"),
      a.run("v", "passed"),
      a.assign("gpu"),
      a.assign("quiet", "w2"),
      a.cancel("quiet"),
      a.cordon("w1"),
    );
};

describe("a snapshot", () => {
  it("is restored to the same state, indices included", () => {
    const { state } = busy();
    const copy = through(state);
    checkInvariants(copy);
    expect(comparable(copy)).toEqual(comparable(state));
    expect(copy).toMatchObject({ queuedCount: state.queuedCount, nextRetryAt: state.nextRetryAt });
    expect([...copy.concurrencyKeys]).toEqual([...state.concurrencyKeys]);
    expect([...copy.runKeys]).toEqual([...state.runKeys]);
    expect([...copy.ended].map(({ spec }) => spec.task_id)).toEqual(["v", "quiet"]);
    for (const [id, worker] of state.workers) {
      expect(copy.workers.get(id)).toEqual(worker);
    }
  });

  it("leads to the same decisions, whatever the order in which things came to be", () => {
    const tasks = ["t", "u"].map((id) => a.task(id, { max_retries: 1, retry_delay_ms: 50 }));
    const { state } = given(
      a.claim,
      a.openRun,
      a.register("w1"),
      a.submit(tasks),
      a.run("u", "failed"),
      a.run("t", "failed"),
    );
    expect(decide(through(state), a.tick, 2_000)).toEqual(decide(state, a.tick, 2_000));
  });

  it("shares nothing with the state that goes on", () => {
    const case_ = busy();
    const copy = restoreState(saveState(case_.state));
    const before = JSON.stringify(comparable(copy));
    case_.and(
      a.finish("quiet", "cancelled"),
      a.finish("gpu", "passed"),
      70,
      a.tick,
      a.uncordon("w1"),
      a.run("t", "passed", { attempt: 2 }),
    );
    expect(JSON.stringify(comparable(copy))).toBe(before);
  });

  it("taken in the middle of a submission knows what came before", () => {
    const submission = { submission_id: "s", project: "default", run_id: "run", first_task_id: "t" };
    const case_ = given(a.claim, a.openRun).and(
      { type: "SubmissionOpened", v: 1, ...submission, count: 2, idempotency: null },
      { type: "TasksAdded", v: 1, submission_id: "s", tasks: [a.task("t")], resolved: {} },
    );
    const copy = through(case_.state);
    evolve(copy, { type: "TasksAdded", v: 1, submission_id: "s", tasks: [a.task("u")], resolved: {} });
    evolve(copy, { type: "SubmissionSealed", v: 1, submission_id: "s" });
    expect([...copy.tasks.keys()]).toEqual(["t", "u"]);
    expect(case_.state.submissions.get("s")?.tasks).toHaveLength(1);
  });
});
