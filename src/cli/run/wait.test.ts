import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startWait } from "./wait.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("ends with 130 when it is interrupted, also by somebody who was quicker than it", () => {
  const person = new AbortController();
  const wait = startWait(person.signal, 1_000);
  expect(wait.signal.aborted).toBe(false);
  person.abort();
  expect([wait.signal.aborted, wait.code()]).toEqual([true, 130]);
  expect(startWait(person.signal, undefined).code()).toBe(130);
});

it("ends with 5 when it takes too long, and with 130 when somebody leaves at that very moment", () => {
  const person = new AbortController();
  const wait = startWait(person.signal, 1_000);
  vi.advanceTimersByTime(999);
  expect(wait.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([wait.signal.aborted, wait.code()]).toEqual([true, 5]);
  person.abort();
  expect(wait.code()).toBe(130);
});

it("keeps no timer once it is over", () => {
  const wait = startWait(new AbortController().signal, 1_000);
  wait.dispose();
  expect(vi.getTimerCount()).toBe(0);
});
