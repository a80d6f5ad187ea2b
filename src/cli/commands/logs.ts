/** testyard logs: what attempts printed, whole, in part, or the lines that hold a text. */
import { type Command, InvalidArgumentError } from "commander";
import type { Client } from "../../client/index.ts";
import { ApiError } from "../../client/index.ts";
import type { LogMatch } from "../../protocol/index.ts";
import { usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../flags.ts";
import { onInterrupt } from "../interrupt.ts";
import { paintFor, print, printBytes, printJson, say } from "../io.ts";
import { TerminalText } from "../terminal-text.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  follow?: true;
  attempt?: number;
  allAttempts?: true;
  tail?: number;
  from?: number;
  to?: number;
  grep?: string;
  ignoreCase?: true;
  run?: string;
  color?: true;
  raw?: true;
}

export function registerLogs(program: Command, finish: Finish): void {
  const command = program
    .command("logs [id]")
    .description("print what a task wrote, or find lines in it")
    .option("-f, --follow", "go on until the attempt has ended")
    .option("--attempt <n>", "which attempt; default: the last", wholeNumber(1))
    .option("--all-attempts", "all of them, first to last")
    .option("--tail <n>", "only the last lines", wholeNumber(0, 1_000_000))
    .option("--from <byte>", "begin there", wholeNumber(0))
    .option("--to <byte>", "end before that", wholeNumber(0))
    .option("--grep <text>", "only lines that hold this text, with their numbers", someText)
    .option("-i, --ignore-case", "take A to Z as a to z in --grep")
    .option("--run <id>", "look into all logs of this run; with --grep")
    .option("--color", "keep colours although this is no terminal")
    .option("--raw", "every byte as it was printed; not for a terminal")
    .action(async (id: string | undefined, flags: Flags) => finish(await show(id, flags)));
  examples(printsJson(reaches(command)), [
    "testyard logs 01J…",
    "testyard logs -f 01J… --tail 20",
    "testyard logs 01J… --grep error -i",
    "testyard logs --run 01J… --grep Traceback",
    "testyard logs 01J… --attempt 1 --raw > log",
  ]);
}

function someText(text: string): string {
  if (text === "" || text.includes("\n")) throw new InvalidArgumentError("A text within one line.");
  return text;
}

async function show(id: string | undefined, flags: Flags): Promise<number> {
  refuseContradictions(id, flags);
  const client = await clientOf(flags);
  if (flags.grep !== undefined) return grep(client, id, { ...flags, grep: flags.grep });
  const task = id ?? "";
  const attempts = await wanted(client, task, flags);
  if (flags.json) return showJson(client, task, { ...flags, attempts });
  const interrupt = onInterrupt();
  try {
    for (const attempt of attempts) {
      if (attempts.length > 1) say(`--- attempt ${attempt}`);
      await copy(client, task, { ...flags, attempt, signal: interrupt.signal });
    }
    return EXIT.passed;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    say(`\ndetached; again with: testyard logs -f ${task}`);
    return EXIT.interrupted;
  } finally {
    interrupt.dispose();
  }
}

function refuseContradictions(id: string | undefined, flags: Flags): void {
  if (id === undefined && flags.run === undefined) throw usage("name a task", "testyard tasks lists the ids");
  if (id !== undefined && flags.run !== undefined) throw usage("give a task or --run, not both");
  if (flags.run !== undefined && flags.grep === undefined) throw usage("--run needs --grep TEXT");
  const hasRange = flags.from !== undefined || flags.to !== undefined;
  if (flags.tail !== undefined && hasRange) throw usage("give --tail, or --from and --to");
  if (flags.allAttempts && (flags.attempt !== undefined || flags.follow))
    throw usage("--all-attempts goes with neither --attempt nor --follow");
  if (flags.raw && process.stdout.isTTY)
    throw usage("--raw is not for a terminal", "send it to a file: > log");
}

/** undefined: the newest, which the coordinator knows. */
async function wanted(client: Client, id: string, flags: Flags): Promise<(number | undefined)[]> {
  if (!flags.allAttempts) return [flags.attempt];
  const { attempts } = await client.task(id);
  return Array.from({ length: attempts }, (_, i) => i + 1);
}

type Part = Pick<Flags, "follow" | "from" | "to" | "tail" | "raw" | "color"> & {
  attempt: number | undefined;
  signal?: AbortSignal;
};

function read(client: Client, id: string, part: Part): AsyncIterable<Uint8Array> {
  const { attempt, from, to, tail, follow, signal } = part;
  return client.log(id, {
    ...(attempt !== undefined && { attempt }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(tail !== undefined && { tail }),
    ...(follow === true && { follow: true }),
    ...(signal !== undefined && { signal }),
  });
}

async function copy(client: Client, id: string, part: Part): Promise<void> {
  const terminal = new TerminalText({ colours: hasColours(part) });
  for await (const chunk of read(client, id, part)) {
    await printBytes(part.raw ? chunk : Buffer.from(terminal.push(chunk)));
  }
  if (!part.raw) await printBytes(Buffer.from(terminal.end()));
}

function hasColours({ color }: { color?: true }): boolean {
  return color === true || paintFor(process.stdout)("bold", "") !== "";
}

async function showJson(
  client: Client,
  id: string,
  { attempts, ...flags }: Flags & { attempts: (number | undefined)[] },
): Promise<number> {
  const logs = [];
  for (const attempt of attempts) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of read(client, id, { ...flags, attempt })) chunks.push(chunk);
    logs.push({ task_id: id, attempt: attempt ?? null, text: Buffer.concat(chunks).toString("utf8") });
  }
  printJson(logs);
  return EXIT.passed;
}

async function grep(
  client: Client,
  id: string | undefined,
  flags: Flags & { grep: string },
): Promise<number> {
  const all: LogMatch[] = [];
  let count = 0;
  for await (const match of matches(client, id, flags)) {
    count += 1;
    if (flags.json) all.push(match);
    else print(lineOf(match, flags));
  }
  if (flags.json) printJson(all);
  else if (count === 0) say(`no line holds ${JSON.stringify(flags.grep)}`);
  return EXIT.passed;
}

async function* matches(
  client: Client,
  id: string | undefined,
  flags: Flags & { grep: string },
): AsyncGenerator<LogMatch> {
  const options = { ignoreCase: flags.ignoreCase === true };
  if (id === undefined) return yield* client.searchRunLogs(flags.run ?? "", flags.grep, options);
  for (const attempt of await wanted(client, id, flags)) {
    try {
      yield* client.searchLog(id, flags.grep, { ...options, ...(attempt !== undefined && { attempt }) });
    } catch (error) {
      if (flags.allAttempts !== true || !(error instanceof ApiError && error.code === "log_expired"))
        throw error;
      say(error.detail);
    }
  }
}

function lineOf(match: LogMatch, flags: Flags): string {
  const terminal = new TerminalText({ colours: hasColours(flags) });
  const text = terminal.push(Buffer.from(match.text)) + terminal.end();
  const attempt = flags.allAttempts ? `${match.attempt}:` : "";
  const where = flags.run === undefined ? attempt : `${match.task_id}/${match.attempt}:`;
  return `${where}${match.line}: ${text}${match.is_cut ? " […]" : ""}`;
}
