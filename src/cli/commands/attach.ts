/** testyard attach RUN: back to a run, under way or ended; the same verdict and the same exit code. */
import { type Command, Option } from "commander";
import { secondsToMs } from "../flags.ts";
import type { AttachFlags } from "../run/attach.ts";
import { writesReports } from "./run.ts";
import { examples, type Finish, printsJson, reaches, waits } from "./common.ts";

export function registerAttach(program: Command, finish: Finish): void {
  const command = program
    .command("attach <run>")
    .description("go back to a run: wait for it, report, end as it ended")
    .addOption(
      new Option("--placement-timeout <s>", "how long to wait for a worker that fits")
        .argParser(secondsToMs)
        .default(60_000, "60"),
    )
    .action(async (runId: string, flags: AttachFlags) => {
      const { attach } = await import("../run/attach.ts");
      finish(await attach(runId, flags));
    });
  examples(printsJson(reaches(waits(writesReports(command)))), [
    "testyard attach 01J…",
    "testyard attach 01J… --wait-timeout 60 --json",
  ]);
}
