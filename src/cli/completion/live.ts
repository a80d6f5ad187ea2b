/**
 * Names that only the coordinator knows. Somebody waits with a finger on the key: one short try, and silence
 * when there is no answer.
 */
import type { Command } from "commander";
import { type Client, connect } from "../../client/index.ts";
import { find, hostSources } from "../config/resolve.ts";
import { type Setting, settingsOf } from "../config/settings.ts";
import { DEFAULT_URL, httpUrl } from "../connection.ts";
import { oneLine } from "../../reports/index.ts";
import type { Candidate, Live } from "./candidates.ts";

const LIMIT_MS = 800;
const SHOWN = 100;

export async function liveValues(
  what: { of: Live; command: Command },
  { words, settings }: { words: readonly string[]; settings: readonly Setting[] },
): Promise<Candidate[]> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  try {
    const url = await addressOf(what.command, { words, settings });
    const quickly: typeof fetch = (input, init) => fetch(input, { ...init, signal: limit.signal });
    return await ask(connect({ url, patienceMs: 0, fetch: quickly }), what.of);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

async function addressOf(
  command: Command,
  { words, settings }: { words: readonly string[]; settings: readonly Setting[] },
): Promise<string> {
  const at = words.lastIndexOf("--coordinator");
  const typed = at < 0 ? undefined : words[at + 1];
  const setting = settingsOf(command).find(({ attribute }) => attribute === "coordinator");
  if (typed !== undefined && typed !== "" && at + 1 < words.length - 1) return httpUrl(typed);
  const found = setting === undefined ? null : find(setting, await hostSources(settings));
  return httpUrl(found?.texts[0] ?? DEFAULT_URL);
}

async function ask(client: Client, of: Live): Promise<Candidate[]> {
  switch (of) {
    case "task": {
      const { items } = await client.tasks({ limit: SHOWN });
      return items.map((task) => named(task.task_id, `${task.state} ${task.name}`));
    }
    case "run": {
      const { items } = await client.runs({ limit: SHOWN });
      return items.map((run) =>
        named(run.run_id, `${run.open === 0 ? "ended" : `${run.open} open`} ${run.name}`),
      );
    }
    case "worker":
      return (await client.workers()).map((worker) => named(worker.worker_id, worker.state));
  }
}

function named(value: string, description: string): Candidate {
  return { value, description: oneLine(description) };
}
