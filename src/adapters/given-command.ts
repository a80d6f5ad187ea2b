/**
 * The part that junit, tap and plain commands share: the command line is given, not made by us.
 *
 * `args` is the whole command. `{files}` as a word of its own becomes the files of the task, `{file}` inside
 * a word the only file, `{result_dir}` the folder for reports. Nothing is appended by guess: `make test`
 * would not know what to do with file names.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CommandOptions, DiscoverOptions, Discovery, TestCommand } from "./adapter.ts";
import { expandPatterns } from "./patterns.ts";

/** Written when a command is made; reports older than this file are not from this run. */
export const STARTED_FILE = "testyard-started";

export class NoCommand extends Error {
  readonly code = "adapter_no_command";

  constructor(adapter: string) {
    super(`the ${adapter} adapter needs a command to run, for example: -- make test`);
    this.name = "NoCommand";
  }
}

export async function givenCommand(adapter: string, options: CommandOptions): Promise<TestCommand> {
  const [only] = options.files;
  const args = options.args ?? [];
  if (args.length === 0 && (only === undefined || options.files.length > 1)) throw new NoCommand(adapter);
  await writeFile(join(options.resultDir, STARTED_FILE), "");
  const words = args.length > 0 ? args : [`./${only ?? ""}`];
  return { argv: words.flatMap((word) => fillIn(word, options)), env: {}, cwd: "." };
}

function fillIn(word: string, options: CommandOptions): string[] {
  if (word === "{files}") return options.files;
  // Functions, because a `$&` in a path would otherwise be taken as a reference.
  const filled = word.replaceAll("{result_dir}", () => options.resultDir);
  return [filled.replaceAll("{file}", () => options.files[0] ?? "")];
}

/** A command's files cannot be asked for: they are what the user names. */
export async function givenFiles(options: DiscoverOptions): Promise<Discovery> {
  const { paths, problems } = await expandPatterns(options.root, options.patterns ?? []);
  return { files: paths.map((path) => ({ path })), problems };
}
