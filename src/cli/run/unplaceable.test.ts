import { expect, it } from "vitest";
import type { Explanation } from "../../protocol/index.ts";
import { whyUnplaceable } from "./unplaceable.ts";

type Verdict = Explanation["workers"][number]["verdict"];

const explained = (...verdicts: Verdict[]): Explanation => ({
  task_id: "T",
  state: "queued",
  summary: "blocked: needs hardware cuda",
  workers: verdicts.map((verdict, i) => ({
    worker_id: `w${i + 1}`,
    verdict,
    reasons: verdict === "does_not_fit" ? [{ requirement: "hardware", asked: "cuda", has: "cpu" }] : [],
  })),
});

const asked = (explanation: Explanation) =>
  whyUnplaceable(
    {
      explain: (task_id) =>
        Promise.resolve({ ...explanation, task_id, name: "t", state: "queued", attempts: [] }),
    },
    [{ task_id: "T" }],
  );

it.each([["busy"], ["fits"]] as const)("goes on waiting while a worker %s", async (verdict) => {
  expect(await asked(explained("does_not_fit", verdict))).toBeNull();
});

it("gives up with the reason for each worker when none will ever fit", async () => {
  const reasons = await asked(explained("does_not_fit", "not_available"));
  expect(reasons?.get("T")?.split("\n")).toEqual([
    "blocked: needs hardware cuda",
    "  w1: lacks hardware cuda (has cpu)",
    "  w2: not available",
  ]);
});

it("gives up when there is no worker at all", async () => {
  expect((await asked(explained()))?.get("T")).toBe("no worker is connected");
});
