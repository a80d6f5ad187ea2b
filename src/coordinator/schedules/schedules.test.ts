import { describe, expect, test } from "vitest";
import type { Schedule, Submit, TaskSpec } from "../../core/index.ts";
import { silentLogger } from "../../ports/index.ts";
import { lead, newStore, settled, TestTime, type TestLoop } from "../leader.testing.ts";
import { Schedules } from "./schedules.ts";
import { readTimes } from "./times.ts";

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000] as const;
const START = Date.UTC(2026, 0, 1);

let made = 0;
/** One task in a run of its own. */
function submissionOf({ project }: Schedule): Submit {
  made += 1;
  const run_id = `r${made}`;
  const nothing = { requirements: {}, resources: { cpu_milli: 0, memory_mb: 0, gpu: 0 }, payload: "{}" };
  const limits = { timeout_ms: 1, max_retries: 0, retry_delay_ms: 0, priority: 1, estimate_ms: null };
  const named = { task_id: `t${made}`, run_id, project, name: "t", type: "test" as const };
  const task: TaskSpec = { ...named, ...nothing, ...limits, dependencies: [] };
  return {
    type: "submit",
    submission_id: `s${made}`,
    project,
    run_id,
    tasks: [task],
    idempotency: null,
    resolved: {},
  };
}

class World {
  readonly time = new TestTime(START);
  readonly store = newStore();
  submission = async (schedule: Schedule): Promise<Submit> => submissionOf(schedule);

  async start(): Promise<{ leader: TestLoop; schedules: Schedules }> {
    const leader = await lead(this.time, this.store);
    const schedules = new Schedules({
      loop: leader.loop,
      clock: this.time.clock,
      logger: silentLogger,
      submission: (schedule) => this.submission(schedule),
    });
    leader.onCommitted.push((record) => schedules.committed(record));
    schedules.start();
    await settled();
    return { leader, schedules };
  }
}

async function set({ loop }: TestLoop, cron: string, more: Partial<Schedule> = {}): Promise<void> {
  const { overlap = "allow", timezone = "UTC" } = more;
  loop.execute({ type: "set_schedule", name: "s", project: "default", cron, timezone, overlap, tasks: "[]" });
  await loop.committed();
  await settled();
}

/** Milliseconds after the start at which runs were opened. */
const runsOf = ({ state }: TestLoop) => [...state.runs.values()].map(({ opened_at }) => opened_at - START);
const scheduleOf = ({ state }: TestLoop) => state.schedules.get("s");

describe("a schedule", () => {
  test("opens a run at each of its times, and at no other", async () => {
    const world = new World();
    const { leader, schedules } = await world.start();
    await set(leader, "0 3 * * *");
    const schedule = scheduleOf(leader);
    if (schedule === undefined) throw new Error("it was set");
    expect(schedules.nextOf(schedule)).toBe(START + 3 * HOUR);
    await world.time.to(START + 2 * DAY);
    expect(runsOf(leader)).toEqual([3 * HOUR, DAY + 3 * HOUR]);
    expect(scheduleOf(leader)?.last).toMatchObject({ due_at: START + DAY + 3 * HOUR, by: "time" });
  });

  test("that is removed or replaced keeps no time of before", async () => {
    const world = new World();
    const { leader } = await world.start();
    await set(leader, "0 3 * * *");
    await set(leader, "0 5 * * *");
    await world.time.to(START + 4 * HOUR);
    expect(runsOf(leader)).toEqual([]);
    leader.loop.execute({ type: "remove_schedule", name: "s" });
    await world.time.to(START + DAY);
    expect(runsOf(leader)).toEqual([]);
  });

  test("skips a time while the run before is open", async () => {
    const world = new World();
    const { leader } = await world.start();
    await set(leader, "@hourly", { overlap: "skip" });
    await world.time.to(START + 2.5 * HOUR);
    expect(runsOf(leader)).toEqual([HOUR]);
    expect(scheduleOf(leader)?.skipped).toMatchObject({ cause: "overlap", due_at: START + 2 * HOUR });
    for (const task_id of leader.state.tasks.keys())
      leader.loop.execute({ type: "cancel_task", task_id, reason: "enough" });
    await world.time.to(START + 3.5 * HOUR);
    expect(runsOf(leader)).toEqual([HOUR, 3 * HOUR]);
  });

  test("whose tasks are refused notes why, and goes on", async () => {
    const world = new World();
    const { leader } = await world.start();
    await set(leader, "@hourly");
    world.submission = () => Promise.reject(new Error("no task 42 to depend on"));
    await world.time.to(START + 1.5 * HOUR);
    expect(scheduleOf(leader)?.skipped).toMatchObject({
      cause: "refused",
      reason: "no task 42 to depend on",
    });
    world.submission = async (schedule) => submissionOf(schedule);
    await world.time.to(START + 2.5 * HOUR);
    expect(runsOf(leader)).toEqual([2 * HOUR]);
  });

  test("that is run by hand still fires at its time", async () => {
    const world = new World();
    const { leader, schedules } = await world.start();
    await set(leader, "0 3 * * *");
    const schedule = scheduleOf(leader);
    if (schedule === undefined) throw new Error("it was set");
    expect(await schedules.run(schedule)).toMatchObject({ kind: "accepted" });
    await world.time.to(START + 4 * HOUR);
    expect(runsOf(leader)).toEqual([0, 3 * HOUR]);
  });
});

describe("a coordinator that was down", () => {
  /** One that sets the schedule, and is gone; another after so long. */
  async function after(downMs: number, cron: string): Promise<TestLoop> {
    const world = new World();
    await set(await lead(world.time, world.store), cron);
    world.time.now += downMs;
    const { leader } = await world.start();
    return leader;
  }

  test("makes up for the newest time that it missed, once", async () => {
    const leader = await after(10 * DAY + 30 * MINUTE, "0 * * * *");
    expect(runsOf(leader)).toEqual([10 * DAY + 30 * MINUTE]);
    expect(scheduleOf(leader)?.last?.due_at).toBe(START + 10 * DAY);
  });

  test("leaves a time that is older than an hour, with a note", async () => {
    const leader = await after(5 * HOUR, "0 3 * * *");
    expect(runsOf(leader)).toEqual([]);
    expect(scheduleOf(leader)?.skipped).toMatchObject({ cause: "missed", due_at: START + 3 * HOUR });
  });

  test("does not fire again what was fired before", async () => {
    const world = new World();
    const first = await world.start();
    await set(first.leader, "0 3 * * *");
    await world.time.to(START + 3 * HOUR + 1);
    first.schedules.stop();
    const { leader } = await world.start();
    await world.time.to(START + 4 * HOUR);
    expect(runsOf(leader)).toEqual([3 * HOUR]);
  });
});

describe("times", () => {
  const nextOf = (cron: string, zone: string, after: string) => {
    const times = readTimes(cron, zone);
    if (typeof times === "string") throw new Error(times);
    return new Date(times.next(Date.parse(after)) ?? 0).toISOString();
  };

  test("follow the zone through its summer time", () => {
    expect(nextOf("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z")).toBe("2026-03-29T01:00:00.000Z");
    expect(nextOf("0 3 * * *", "Europe/Berlin", "2026-07-01T12:00:00Z")).toBe("2026-07-02T01:00:00.000Z");
    expect(nextOf("0 3 * * *", "Europe/Berlin", "2026-12-01T12:00:00Z")).toBe("2026-12-02T02:00:00.000Z");
  });

  test("know the newest one, the moment itself included", () => {
    const times = readTimes("0 3 * * *", "UTC");
    if (typeof times === "string") throw new Error(times);
    const three = Date.UTC(2026, 0, 2, 3);
    expect(times.newest(three)).toBe(three);
    expect(times.newest(three - 1)).toBe(three - DAY);
    expect(times.newest(three - 500)).toBe(three - DAY);
  });

  test.each([
    ["* * * * * *", /5/],
    ["61 * * * *", /minute: 61/],
    ["0 0 30 2 *", /never comes/],
    ["every day", /no schedule/],
    ["2026-01-01T00:00:00", /is a date/],
    ["", /no schedule/],
  ])("%s are refused with what is wrong", (cron, why) => {
    expect(readTimes(cron, "UTC")).toMatch(why);
  });

  test("in a zone that does not exist are refused", () => {
    expect(readTimes("@daily", "Mars/Olympus")).toMatch(/no time zone/);
  });
});
