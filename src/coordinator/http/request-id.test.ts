import { afterAll, beforeAll, expect, test } from "vitest";
import { AUTHORIZED, openYard, type Yard } from "./yard.testing.ts";

let yard: Yard;
beforeAll(async () => {
  yard = await openYard();
});
afterAll(() => yard.close());

test("every answer has an id of its own, which a problem repeats", async () => {
  const urls = ["/api/status", "/api/status", "/api/tasks/nobody", "/nothing/here", "/api/%zz"];
  const answers = await Promise.all(
    urls.map((url) => yard.app.inject({ method: "GET", url, headers: AUTHORIZED })),
  );
  const ids = answers.map(({ headers }) => headers["x-request-id"]);
  expect(
    ids.every((id) => typeof id === "string" && /^\d+-[0-9a-z]+$/.test(id)),
    ids.join(),
  ).toBe(true);
  expect(new Set(ids).size).toBe(urls.length);
  for (const [at, answer] of answers.entries()) {
    if (answer.statusCode < 400) continue;
    expect((answer.json() as { request_id: string }).request_id).toBe(ids[at]);
  }
});
