/** testyard artifacts TASK: the files that a task's attempts left, listed or downloaded. */
import type { Command } from "commander";
import type { ArtifactView } from "../../protocol/index.ts";
import { oneLine } from "../../reports/index.ts";
import { downloadArtifacts } from "../artifacts/download.ts";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../flags.ts";
import { print, printJson, say } from "../io.ts";
import { formatBytes, table } from "../table.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  attempt?: number;
  download?: string;
}

export function registerArtifacts(program: Command, finish: Finish): void {
  const command = program
    .command("artifacts <id>")
    .description("list or download the files that a task left")
    .option("--attempt <n>", "only of this attempt; default: of all", wholeNumber(1))
    .option("--download <dir>", "copy them there, in a folder for each attempt")
    .action(async (id: string, flags: Flags) => finish(await show(id, flags)));
  examples(printsJson(reaches(command)), [
    "testyard artifacts 01J…",
    "testyard artifacts 01J… --attempt 2 --download out",
  ]);
}

async function show(id: string, flags: Flags): Promise<number> {
  const client = await clientOf(flags);
  const all = await client.artifacts(id);
  const items = all.filter(({ attempt }) => flags.attempt === undefined || attempt === flags.attempt);
  if (flags.download !== undefined) {
    const { files, skipped } = await downloadArtifacts(client, items, { dir: flags.download });
    for (const { path, reason } of skipped) say(`left out ${oneLine(path)}: ${reason}`);
    if (flags.json) printJson({ files, skipped });
    else say(`${files.length} of ${items.length} artifacts are in ${flags.download}`);
    return skipped.length > 0 ? EXIT.infrastructure : EXIT.passed;
  }
  if (flags.json) printJson(items);
  else if (items.length === 0) say("no artifacts");
  else print(listing(items));
  return EXIT.passed;
}

function listing(items: readonly ArtifactView[]): string {
  const rows = items.map(({ attempt, path, size_bytes, sha256, is_kept }) => [
    String(attempt),
    formatBytes(size_bytes),
    sha256.slice(0, 12),
    oneLine(path) + (is_kept ? "" : "  (no longer kept)"),
  ]);
  return table(["ATTEMPT", "SIZE", "SHA256", "PATH"], rows);
}
