/**
 * Which events this version can fold. A record with any other one was written by a newer version: whoever
 * meets it stops, because skipping an event would make two histories out of one.
 */
import type { EventType } from "../core/index.ts";

/** The newest `v` of each variant; a variant missing here does not compile. */
const NEWEST: Record<EventType, number> = {
  LeaderClaimed: 1,
  RunOpened: 1,
  SubmissionOpened: 1,
  TasksAdded: 1,
  SubmissionSealed: 1,
  TaskSkipped: 1,
  TaskCancelled: 1,
  RetriesDue: 1,
  AttemptAssigned: 1,
  AttemptStarted: 1,
  AttemptFinished: 1,
  AttemptLost: 1,
  AttemptReleased: 1,
  ResultRefused: 1,
  TaskReleased: 1,
  WorkerRegistered: 1,
  WorkerLost: 1,
  WorkerCordoned: 1,
  WorkerUncordoned: 1,
  TasksForgotten: 1,
  RunEnded: 1,
  WebhookAdded: 1,
  WebhookRemoved: 1,
  WebhookRequested: 1,
  WebhookDelivered: 1,
  WebhookGivenUp: 1,
  WebhookRedelivered: 1,
  ScheduleSet: 1,
  ScheduleRemoved: 1,
  ScheduleFired: 1,
  ScheduleSkipped: 1,
};

/** Type and newest version of every event variant. */
export const KNOWN_EVENTS: ReadonlyMap<string, number> = new Map(Object.entries(NEWEST));
