import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "../src/queue.js";

test("customers are served one after another", async (t) => {
  const queue = new Queue();
  const served = [];

  await t.test("twenty of them, 100 ms each", async () => {
    const customers = Array.from({ length: 20 }, (_, number) => number);
    await Promise.all(
      customers.map((number) => queue.serve(() => sleep(100).then(() => served.push(number)))),
    );
    assert.deepEqual(served, customers);
  });

  await t.test("one who complains does not stop the others", async () => {
    await assert.rejects(queue.serve(() => Promise.reject(new Error("too slow"))));
    assert.equal(await queue.serve(() => "served"), "served");
  });
});
