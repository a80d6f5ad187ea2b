// Completions in the shells themselves.
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { delimiter } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Home, MAIN } from "./program.testing.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let home: Home;
let url = "";
let taskId = "";
beforeAll(async () => {
  home = new Home();
  home.write({ "bin/testyard": `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`, "docs/a.txt": "" });
  chmodSync(home.path("bin/testyard"), 0o755);
  for (const { name: shell } of SHELLS) {
    home.write({ [`script.${shell}`]: (await home.run(["completion", shell])).stdout });
  }
  ({ url } = await home.coordinator());
  // A name that a careless script would run.
  const name = `$(touch ${home.path("harm")}) * \`touch ${home.path("harm")}\``;
  const input = JSON.stringify({ type: "command", name, config: { command: ["true"] } });
  const submitted = await home.run(["submit", "--task", "-", "--coordinator", url, "--json"], { input });
  taskId = (JSON.parse(submitted.stdout) as { task_ids: string[] }).task_ids[0] ?? "";
});
afterAll(() => home.remove());

interface Shell {
  name: string;
  /** Prints what is offered for a line that ends where the cursor is. */
  ask: (line: string) => { program: string; args: string[] };
}

const BASH = `source script.bash
read -r -a COMP_WORDS <<< "$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); compopt() { :; }
_testyard; printf '%s\\n' "\${COMPREPLY[@]}"`;

// The line editor of zsh wants a terminal, which zpty is: TAB is pressed and the list read from its screen.
const ZSH = `zmodload zsh/zpty
zpty -b yard zsh -f -i
zpty -w yard "PS1= ; cd $PWD; stty columns 200 rows 50; autoload -Uz compinit; compinit -u -d $PWD/zdump"
zpty -w yard 'source script.zsh; bindkey "^I" list-choices; print re""ady'
while zpty -r yard line; do [[ $line == *ready* ]] && break; done
zpty -n -w yard "$1"$'\\t'
seen=""; for ((i = 0; i < 300; i++)); do
  while zpty -r -t yard line; do seen+=$line; done
  [[ $seen == *$2* ]] && break
  sleep 0.05
done
print -r -- $seen; zpty -d yard`;

const SHELLS: Shell[] = [
  { name: "bash", ask: (line) => ({ program: "bash", args: ["-c", BASH, "bash", line] }) },
  { name: "zsh", ask: (line) => ({ program: "zsh", args: ["-f", "-c", ZSH, "zsh", line] }) },
  {
    name: "fish",
    ask: (line) => ({
      program: "fish",
      args: ["--no-config", "-c", "source script.fish; complete -C $argv[1]", line],
    }),
  },
];

describe.each(SHELLS)("completion in $name", ({ name, ask }) => {
  const isThere = spawnSync(name, ["--version"]).status === 0;

  const offered = (line: string, expected: string, coordinator = url): string => {
    const { program, args } = ask(line);
    const ended = spawnSync(program, name === "zsh" ? [...args, expected] : args, {
      cwd: home.dir,
      encoding: "utf8",
      timeout: 50_000,
      env: {
        ...home.places(),
        HOME: home.dir,
        TERM: "xterm",
        PATH: [home.path("bin"), process.env["PATH"] ?? ""].join(delimiter),
        TESTYARD_COORDINATOR: coordinator,
      },
    });
    return ended.stdout + ended.stderr;
  };

  it("knows commands, flags, values, files and what is in the yard", (context) => {
    if (!isThere) context.skip(`needs ${name}: scripts/install-test-deps.sh`);
    expect(offered("testyard ca", "cancel")).toContain("cancel");
    expect(offered("testyard tasks --sta", "--state")).toContain("--state");
    expect(offered("testyard tasks --state pois", "poisoned")).toContain("poisoned");
    expect(offered("testyard submit --task do", "docs")).toContain("docs");
    expect(offered("testyard logs 0", taskId)).toContain(taskId);
    expect(() => home.read("harm")).toThrow("ENOENT");
  });

  // In zsh an empty screen is also what a broken script shows; the others tell.
  if (name === "zsh") return;

  it("is silent when no coordinator answers", (context) => {
    if (!isThere) context.skip(`needs ${name}: scripts/install-test-deps.sh`);
    expect(offered("testyard logs ", "", "http://127.0.0.1:1").trim()).toBe("");
  });
});
