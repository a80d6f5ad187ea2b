import { expect, it } from "vitest";
import { createProgram } from "../program.ts";
import { nextOf } from "./candidates.ts";

const program = createProgram(() => {});

function shown(...words: string[]): string[] | string {
  const next = nextOf(program, words);
  if (next.kind === "values") return next.values.map(({ value }) => value);
  return next.kind === "live" ? `live ${next.of}` : next.kind;
}

it("offers commands, and those below a command, but none that are hidden", () => {
  expect(shown("")).toEqual(expect.arrayContaining(["run", "tasks", "config"]));
  expect(shown("")).not.toContain("complete");
  expect(shown("config", "")).toEqual(["show", "path", "schema"]);
});

it("offers the flags of the command, until -- ends them", () => {
  expect(shown("tasks", "--")).toEqual(expect.arrayContaining(["--state", "--json", "--quiet", "--help"]));
  expect(shown("tasks", "--")).not.toContain("--retries");
  expect(shown("cancel", "--", "-")).toBe("live task");
});

it.each([
  [["tasks", "--state", ""], expect.arrayContaining(["running", "poisoned"])],
  [["tasks", "--state", "=", "ru"], expect.arrayContaining(["running"])],
  [
    ["completion", ""],
    ["bash", "zsh", "fish"],
  ],
  [["run", "--report", "json", ""], expect.arrayContaining(["junit"])],
  [["tasks", "--run", ""], "live run"],
  [["run", "--attach", ""], "live run"],
  [["attach", ""], "live run"],
  [["task", ""], "live task"],
  [["logs", "-f", ""], "live task"],
  [["cancel", "a", "b", ""], "live task"],
  [["explain", ""], "live task"],
  [["drain", ""], "live worker"],
  [["run", ""], "files"],
  [["submit", "--task", ""], "files"],
  [["worker", "--worker-id", ""], "nothing"],
  [["tasks", "--limit", ""], "nothing"],
  [["tasks", "--json", "--limit", "3", "--state", ""], expect.arrayContaining(["failed"])],
  [["task", "one", ""], "nothing"],
])("after %j offers %j", (words, expected) => expect(shown(...words)).toEqual(expected));
