/**
 * The only authority: what a command may do to the state, as events, or why it may not.
 *
 * Synchronous and without clock, chance or I/O. The caller folds the events at once (`evolve`) and lets
 * nothing leave the process before they are committed. A decision that needs no event (a result reported
 * twice) is accepted with an empty list: its answer too waits for whatever it was decided on.
 */
import { unreachable } from "./assert.ts";
import type { Command } from "./command.ts";
import { finishAttempt, startAttempt } from "./decide-attempt.ts";
import { submit } from "./decide-submit.ts";
import { cancelTask, dueRetries, forgettable, overdueSkips, releaseTask } from "./decide-task.ts";
import { assignTask, cordonWorker, loseWorker, registerWorker, uncordonWorker } from "./decide-worker.ts";
import { accept, reject, type Decision } from "./decision.ts";
import { withOverdueRunEnds, withRunEnds } from "./run-end.ts";
import { fireSchedule, removeSchedule, setSchedule, skipSchedule } from "./schedule.ts";
import type { State } from "./state.ts";
import { addWebhook, redeliverWebhook, removeWebhook, settleDelivery } from "./webhook.ts";

/** @param now milliseconds since 1970: the time of the record that the events will stand in. */
export function decide(state: State, command: Command, now: number): Decision {
  switch (command.type) {
    case "claim_leadership":
      return accept([
        { ...command, type: "LeaderClaimed", v: 1, epoch: state.epoch + 1 },
        ...withOverdueRunEnds(state, overdueSkips(state)),
      ]);
    case "open_run":
      return openRun(state, command);
    case "submit":
      return withRunEnds(state, submit(state, command));
    case "cancel_task":
      return withRunEnds(state, cancelTask(state, command));
    case "release_task":
      return releaseTask(state, command);
    case "register_worker":
      return withRunEnds(state, registerWorker(state, command, now));
    case "assign_task":
      return assignTask(state, command, now);
    case "start_attempt":
      return startAttempt(state, command);
    case "finish_attempt":
      return withRunEnds(state, finishAttempt(state, command, now));
    case "lose_worker":
      return withRunEnds(state, loseWorker(state, command, now));
    case "cordon_worker":
      return cordonWorker(state, command);
    case "uncordon_worker":
      return uncordonWorker(state, command);
    case "tick":
      return accept(dueRetries(state, now));
    case "forget_tasks":
      return accept(forgettable(state, command.task_ids));
    case "add_webhook":
      return addWebhook(state, command);
    case "remove_webhook":
      return removeWebhook(state, command);
    case "settle_delivery":
      return settleDelivery(state, command);
    case "redeliver_webhook":
      return redeliverWebhook(state, command);
    case "set_schedule":
      return setSchedule(state, command);
    case "remove_schedule":
      return removeSchedule(state, command);
    case "fire_schedule":
      return withRunEnds(state, fireSchedule(state, command, now));
    case "skip_schedule":
      return skipSchedule(state, command, now);
    default:
      return unreachable(command);
  }
}

function openRun(state: State, command: Extract<Command, { type: "open_run" }>): Decision {
  const { run_id, project, run_key, name } = command;
  const known = run_key === null ? undefined : state.runKeys.get(`${project}/${run_key}`);
  if (known !== undefined) return accept([], { kind: "run", run_id: known, attached: true });
  if (state.runs.has(run_id)) return reject("run_exists", `run ${run_id} is open already`);
  return accept([{ type: "RunOpened", v: 1, run_id, project, run_key, name }], {
    kind: "run",
    run_id,
    attached: false,
  });
}
