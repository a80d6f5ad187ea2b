import { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { createClock } from "../../platform/index.ts";
import { EventMetrics } from "../metrics/index.ts";
import { streamedBody } from "./body.ts";

test("a body of which nothing more comes is given up after 30 s", async () => {
  const timers: { delayMs: number; call: () => void }[] = [];
  const clock = {
    ...createClock(),
    after: (delayMs: number, call: () => void) => {
      timers.push({ delayMs, call });
      return { cancel: () => {} };
    },
  };
  const body = new Readable({ read: () => {} });
  const pieces = streamedBody({ body } as unknown as FastifyRequest, {
    limitBytes: 100,
    clock,
    metrics: new EventMetrics(),
  });
  const reading = pieces[Symbol.asyncIterator]();
  body.push("first");
  expect(String((await reading.next()).value)).toBe("first");
  const next = reading.next();
  const last = timers.at(-1);
  expect(last?.delayMs).toBe(30_000);
  last?.call();
  await expect(next).rejects.toMatchObject({ problem: { code: "body_timeout", status: 408 } });
});
