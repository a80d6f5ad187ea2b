/** SQL over the API: what is asked, what is answered, and that none of it gets past the gate. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SqlAnswer } from "../../protocol/index.ts";
import { openYard, post, type Yard } from "./yard.testing.ts";

let yard: Yard;
beforeEach(async () => {
  yard = await openYard();
});
afterEach(() => yard.close());

const query = (payload: unknown) => post(yard, "/api/query", payload);
const ONE = { sql: "SELECT 1", parameters: [], limit: 1 };
const TASK = { type: "command", config: { command: ["true"] } };

it("finds what was acknowledged before it was asked", async () => {
  for (let i = 1; i <= 5; i++) {
    await post(yard, "/api/tasks", TASK);
    const answer = await query({
      sql: "SELECT count(*) AS n FROM tasks WHERE state = ?",
      parameters: ["open"],
    });
    expect(answer.json<SqlAnswer>()).toMatchObject({ rows: [[i]], stale_by: 0, truncated: false });
    expect(answer.json<SqlAnswer>().columns).toEqual([{ name: "n", type: "BIGINT" }]);
    expect(answer.headers["x-testyard-position"]).toBe(String(answer.json<SqlAnswer>().watermark));
  }
});

it("says by how much it is behind when the results do not follow within two seconds", async () => {
  const { results, coordinator, clock } = yard.context;
  const waits: number[] = [];
  Object.assign(yard.context, {
    clock: {
      ...clock,
      after: (ms: number, call: () => void) => clock.after(waits.push(ms) > 0 ? 0 : ms, call),
    },
    results: {
      ...results,
      status: () => ({ watermark: 0, failed: null }),
      reached: () => new Promise(() => {}),
      sql: async () => ({ ...(await results.sql(ONE)), watermark: 0 }),
    },
  });
  const { stale_by } = (await query({ sql: ONE.sql })).json<SqlAnswer>();
  expect(stale_by).toBe(coordinator.loop.committedPosition);
  expect(waits).toContain(2_000);
  Object.assign(yard.context, { results, clock });
});

describe("refuses", () => {
  it.each([
    [{}, "invalid_request"],
    [{ sql: 1 }, "invalid_request"],
    [{ sql: "" }, "invalid_request"],
    [{ sql: "x".repeat(100_001) }, "invalid_request"],
    [{ sql: "SELECT 1", limit: 100_001 }, "invalid_request"],
    [{ sql: "SELECT 1", limit: 1.5 }, "invalid_request"],
    [{ sql: "SELECT ?", parameters: [{}] }, "invalid_request"],
    [{ sql: "SELECT 1", limits: 1 }, "invalid_request"],
    [{ sql: "DELETE FROM runs" }, "sql_refused"],
    [{ sql: "SELECT 1; SELECT 2" }, "sql_refused"],
    [{ sql: "SELECT 1\0" }, "sql_refused"],
    [{ sql: "SELECT * FROM nowhere" }, "sql_failed"],
    [Buffer.from('{"sql":"SELECT \xff"}', "latin1"), "invalid_json"],
  ])("%j", async (payload, code) => {
    const answer = await query(payload);
    expect(answer.json()).toMatchObject({ code });
    expect(yard.fatal).toEqual([]);
  });

  it("whoever has no key", async () => {
    const headers = { "content-type": "application/json" };
    const answer = await yard.app.inject({
      method: "POST",
      url: "/api/query",
      headers,
      payload: '{"sql":"SELECT 1"}',
    });
    expect(answer.statusCode).toBe(401);
  });
});
