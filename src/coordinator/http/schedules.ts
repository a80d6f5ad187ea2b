/** Schedules: set, listed, removed, and run by hand. */
import type { FastifyInstance } from "fastify";
import type { Schedule, State } from "../../core/index.ts";
import { nearest, scheduleInput, type ScheduleInput, type ScheduleView } from "../../protocol/index.ts";
import type { Automation } from "../automation.ts";
import { keepTasks, readTimes } from "../schedules/index.ts";
import { committedNow, sendCommitted } from "./answers.ts";
import { readBody } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { paramOf, readQuery } from "./query.ts";
import { refusal, rejected } from "./refusal.ts";
import { findRun } from "./runs.ts";
import { LIST, REMOVE, RUN, SET } from "./schedules.api.ts";

export function scheduleRoutes(app: FastifyInstance, context: HttpContext): void {
  const { coordinator, automation } = context;
  const { loop } = coordinator;
  app.get("/api/schedules", LIST, async (request, reply) => {
    readQuery(request, ["consistent"]);
    return sendCommitted(context, reply, (state) => ({
      items: [...state.schedules.values()].map((schedule) => viewOf(schedule, automation)),
    }));
  });
  app.post("/api/schedules", SET, async (request, reply) => {
    readQuery(request, []);
    const schedule = await setSchedule(context, readBody(request, scheduleInput));
    await committedNow(context, reply);
    return reply.code(201).send(viewOf(schedule, automation));
  });
  app.delete("/api/schedules/:name", REMOVE, async (request, reply) => {
    readQuery(request, []);
    const schedule = scheduleOf(loop.state, paramOf(request, "name"));
    const decision = loop.execute({ type: "remove_schedule", name: schedule.name });
    if (decision.kind === "rejected") throw rejected(decision.rejection);
    await committedNow(context, reply);
    return reply.send(viewOf(schedule, automation));
  });
  app.post("/api/schedules/:name/run", RUN, async (request, reply) => {
    readQuery(request, []);
    const schedule = scheduleOf(loop.state, paramOf(request, "name"));
    const decision = await automation.schedules.run(schedule);
    if (decision.kind === "rejected") throw rejected(decision.rejection);
    if (decision.answer?.kind !== "submitted") throw new TypeError("a firing is answered as a submission");
    await committedNow(context, reply);
    const { value } = await findRun(context, decision.answer.run_id);
    return reply.code(201).header("location", `/api/runs/${value.run_id}`).send(value);
  });
}

async function setSchedule(context: HttpContext, input: ScheduleInput): Promise<Schedule> {
  const { loop } = context.coordinator;
  const { name, cron, project = "default", timezone = "UTC", overlap = "skip" } = input;
  const times = readTimes(cron, timezone);
  if (typeof times === "string") throw refusal("schedule_invalid", times);
  const tasks = await keepTasks(context, { tasks: input.tasks, project });
  const decision = loop.execute({ type: "set_schedule", name, project, cron, timezone, overlap, tasks });
  if (decision.kind === "rejected") throw rejected(decision.rejection);
  return scheduleOf(loop.state, name);
}

/** @throws Refusal */
function scheduleOf({ schedules }: State, name: string): Schedule {
  const schedule = schedules.get(name);
  if (schedule !== undefined) return schedule;
  const guess = nearest(name, [...schedules.keys()]);
  const hint = guess === null ? "" : `; did you mean "${guess}"?`;
  throw refusal("schedule_unknown", `no schedule ${name.slice(0, 64)}${hint}`);
}

function viewOf(schedule: Schedule, { schedules }: Automation): ScheduleView {
  const { name, project, cron, timezone, overlap, set_at, last, skipped } = schedule;
  const when = { cron, timezone, overlap, set_at, next_at: schedules.nextOf(schedule) };
  return { name, project, ...when, last, skipped };
}
