import { expect, it } from "vitest";
import { ApiError } from "../client/index.ts";
import { troubleOf } from "./errors.ts";

const refusal = (code: string, status: number) => troubleOf(new ApiError({ code, status, detail: "no" }));

it("takes an answer that is no coordinator's for a coordinator that is missing", () => {
  expect(refusal("http_404", 404)).toMatchObject({ exit: 3, next: expect.stringContaining("--coordinator") });
  expect(refusal("http_502", 502)).toMatchObject({ exit: 3, next: expect.stringContaining("--coordinator") });
  expect(refusal("task_unknown", 404)).toMatchObject({ exit: 2, next: "testyard tasks lists the ids" });
});

it.each(["run_unknown", "task_ended", "task_not_poisoned", "sql_refused"])(
  "names the next command after %s",
  (code) => expect(refusal(code, 409).next).toMatch(/^testyard /),
);

it("calls an address that must not be listened on a mistake of the command line", () => {
  const error = Object.assign(new Error("not on 0.0.0.0"), {
    code: "beyond_loopback",
    hint: "Give another.",
  });
  expect(troubleOf(error)).toMatchObject({ exit: 2, next: "Give another." });
});
