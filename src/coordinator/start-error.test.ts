import { expect, test } from "vitest";
import { startError, StartError } from "./start-error.ts";

const failure = (code: string, message = "it went wrong") => Object.assign(new Error(message), { code });

test.each([
  ["a full disk", failure("ENOSPC"), "disk_full", /room/],
  [
    "a full disk in an engine's words",
    failure("results_unopenable", "IO: No space left on device"),
    "disk_full",
    /room/,
  ],
  ["a directory of somebody else", failure("EACCES"), "data_dir_unusable", /owns/],
  ["a path through a file", failure("ENOTDIR"), "data_dir_unusable", /^$/],
  ["a log that is in use", failure("log_in_use"), "log_in_use", /--data-dir/],
  ["what nobody knows", new Error("it went wrong"), "start_failed", /^$/],
])("%s becomes a code, the message as it was, and what to do", (_what, error, code, hint) => {
  const found = startError(error);
  expect(found).toBeInstanceOf(StartError);
  expect(found).toMatchObject({ code, message: error.message, cause: error });
  expect(found.hint).toMatch(hint);
});

test("an error that says it all already stays as it is", () => {
  const error = new StartError("port_taken", "taken", { hint: "" });
  expect(startError(error)).toBe(error);
});
