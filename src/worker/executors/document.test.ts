import { expect, test } from "vitest";
import { documentOf } from "./document.ts";

const place = {
  project: "p",
  framework: "vitest",
  suite: "packages/web",
  variant: "",
  root: "/work/tree/packages/web",
};
const failed = (detail: string) => ({
  cases: [
    { file: "a.test.ts", name: "t", outcome: "failed" as const, duration_ms: 1, message: detail, detail },
  ],
  problems: [],
});

test.each([
  ["at /work/tree/packages/web/a.test.ts:3", "at packages/web/a.test.ts:3"],
  ["at file:///work/tree/src/b.ts:1", "at src/b.ts:1"],
  ["at /work/treehouse/c.ts, /etc/hosts", "at /work/treehouse/c.ts, /etc/hosts"],
])("paths within the workspace are told as their owner knows them: %s", (said, told) => {
  expect(documentOf(failed(said), place, []).cases[0]).toMatchObject({ message: told, detail: told });
});

test("the folder of a task without a workspace is no secret of the worker", () => {
  const own = { ...place, suite: "/srv/suite", root: "/srv/suite" };
  expect(documentOf(failed("at /srv/suite/a"), own, []).cases[0]).toMatchObject({
    detail: "at /srv/suite/a",
  });
});

test("the identity of a case is the same wherever its workspace lies", () => {
  const elsewhere = { ...place, root: "/other/packages/web" };
  const [one, other] = [place, elsewhere].map((each) => documentOf(failed("x"), each, []).cases[0]?.test_id);
  expect(one).toBe(other);
});
