/** testyard logs ID: what an attempt printed, byte for byte. */
import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../flags.ts";
import { onInterrupt } from "../interrupt.ts";
import { printBytes, say } from "../io.ts";
import { clientOf, examples, type ClientFlags, type Finish, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  follow?: true;
  attempt?: number;
}

export function registerLogs(program: Command, finish: Finish): void {
  const command = program
    .command("logs <id>")
    .description("print what a task wrote")
    .option("-f, --follow", "go on until the attempt has ended")
    .option("--attempt <n>", "which attempt; default: the last", wholeNumber(1))
    .action(async (id: string, flags: Flags) => finish(await show(id, flags)));
  examples(reaches(command), [
    "testyard logs 01J…",
    "testyard logs -f 01J…",
    "testyard logs 01J… --attempt 1 > log",
  ]);
}

async function show(id: string, flags: Flags): Promise<number> {
  const client = await clientOf(flags);
  const interrupt = onInterrupt();
  const chunks = client.log(id, {
    ...(flags.attempt !== undefined && { attempt: flags.attempt }),
    ...(flags.follow === true && { follow: true }),
    signal: interrupt.signal,
  });
  try {
    for await (const chunk of chunks) await printBytes(chunk);
    return EXIT.passed;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    say(`\ndetached; again with: testyard logs -f ${id}`);
    return EXIT.interrupted;
  } finally {
    interrupt.dispose();
  }
}
