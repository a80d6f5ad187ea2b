export { Schedules } from "./schedules.ts";
export { keepTasks, scheduledSubmission } from "./tasks.ts";
export { readTimes } from "./times.ts";
