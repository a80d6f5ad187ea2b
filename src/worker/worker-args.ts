/** The flags of a worker that runs from its one file, where no argument parser is at hand but Node's own. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

export interface WorkerArgs {
  urls: string[];
  key: string;
  workerId?: string;
  workDir?: string;
  slots?: number;
  labels: Record<string, string>;
}

export type ParsedArgs = { ok: true; options: WorkerArgs } | { ok: false; exit: 0 | 2 | 4; message: string };

const HELP = `Usage: node worker.cjs --coordinator URL[,URL…] [options]

  --worker-id ID      default: made from the host's name, kept in the work directory
  --work-dir DIR      cache, logs on their way, results not yet delivered
  --slots N           attempts at a time; default: one for each core
  --label NAME=VALUE  may be given several times
  --key-file FILE     the yard's client-key; or TESTYARD_CLIENT_KEY holds the key`;

const OPTIONS = {
  coordinator: { type: "string" },
  "worker-id": { type: "string" },
  "work-dir": { type: "string" },
  slots: { type: "string" },
  label: { type: "string", multiple: true },
  "key-file": { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

export function parseWorkerArgs(args: string[], env: NodeJS.ProcessEnv): ParsedArgs {
  try {
    const { values } = parseArgs({ args, options: OPTIONS, strict: true });
    if (values.help === true) return { ok: false, exit: 0, message: HELP };
    return checked(values, env);
  } catch (error) {
    return { ok: false, exit: 2, message: `${(error as Error).message}\n\n${HELP}` };
  }
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

function checked(values: Values, env: NodeJS.ProcessEnv): ParsedArgs {
  const coordinator = values.coordinator ?? env["TESTYARD_COORDINATOR"];
  if (coordinator === undefined)
    return { ok: false, exit: 2, message: `--coordinator is missing\n\n${HELP}` };
  const file = values["key-file"];
  const key = file === undefined ? env["TESTYARD_CLIENT_KEY"] : readFileSync(file, "utf8").trim();
  if (key === undefined || !/^[0-9a-f]{64}$/.test(key)) {
    const message = "no key: give --key-file with the yard's client-key, or set TESTYARD_CLIENT_KEY";
    return { ok: false, exit: 4, message };
  }
  const slots = values.slots === undefined ? undefined : Number(values.slots);
  if (slots !== undefined && !(Number.isInteger(slots) && slots >= 1 && slots <= 4096)) {
    return { ok: false, exit: 2, message: "--slots is a whole number, 1 to 4096" };
  }
  const { "worker-id": workerId, "work-dir": workDir, label = [] } = values;
  const labels = Object.fromEntries(
    label.map((text) => [text.split("=")[0], text.slice(text.indexOf("=") + 1)]),
  );
  return {
    ok: true,
    options: {
      urls: coordinator.split(",").map((url) => url.trim()),
      key,
      labels,
      ...(workerId !== undefined && { workerId }),
      ...(workDir !== undefined && { workDir }),
      ...(slots !== undefined && { slots }),
    },
  };
}
