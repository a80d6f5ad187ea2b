/** testyard completion: a script for a shell; and `complete`, which that script asks. */
import { Argument, type Command } from "commander";
import { type Candidate, nextOf } from "../completion/candidates.ts";
import { completionScript, type Shell, SHELLS } from "../completion/scripts.ts";
import { allSettings, takesNoSettings } from "../config/settings.ts";
import { EXIT } from "../exit-codes.ts";
import { print } from "../io.ts";
import { examples, type Finish } from "./common.ts";

export function registerCompletion(program: Command, finish: Finish): void {
  const completion = takesNoSettings(program.command("completion"))
    .description("print the completions of a shell")
    .addArgument(new Argument("<shell>", "which").choices(SHELLS))
    .action((shell: Shell) => {
      print(completionScript(shell));
      finish(EXIT.passed);
    });
  examples(completion, [
    'testyard completion bash   # in ~/.bashrc: eval "$(testyard completion bash)"',
    'testyard completion zsh    # in ~/.zshrc, after compinit: eval "$(testyard completion zsh)"',
    "testyard completion fish > ~/.config/fish/completions/testyard.fish",
  ]);
  const complete = takesNoSettings(program.command("complete", { hidden: true }))
    .description("what may come next, asked by the script of a shell")
    .argument("[words...]", "the words so far, the unfinished one last")
    .action(async (words: string[]) => {
      const lines = await answer(program, words);
      print(lines.join("\n"));
      finish(EXIT.passed);
    });
  examples(complete, ["testyard complete -- tasks --sta"]);
}

async function answer(program: Command, words: readonly string[]): Promise<string[]> {
  const next = nextOf(program, words);
  const current = words.at(-1) ?? "";
  switch (next.kind) {
    case "values":
      return valueLines(next.values, current);
    case "live": {
      const { liveValues } = await import("../completion/live.ts");
      return valueLines(await liveValues(next, { words, settings: allSettings(program) }), current);
    }
    default:
      return [next.kind];
  }
}

function valueLines(values: readonly Candidate[], current: string): string[] {
  const start = current === "=" ? "" : current;
  const fitting = values.filter(({ value }) => value.startsWith(start));
  return ["values", ...fitting.map(({ value, description }) => `${value}\t${description}`)];
}
