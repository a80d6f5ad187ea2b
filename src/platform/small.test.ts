import { afterEach, expect, test, vi } from "vitest";
import { createClock } from "./clock.ts";
import { createLogger } from "./logger.ts";
import { createRandom } from "./random.ts";
import { stateDir } from "./state-dir.ts";

afterEach(() => void vi.useRealTimers());

test("a wait of more than 25 days ends when it is over and not at once", () => {
  vi.useFakeTimers();
  const days = (count: number) => count * 86_400_000;
  let called = 0;
  createClock().after(days(30), () => {
    called += 1;
  });
  vi.advanceTimersByTime(days(30) - 1);
  expect(called).toBe(0);
  vi.advanceTimersByTime(1);
  expect(called).toBe(1);
  vi.advanceTimersByTime(days(60));
  expect(called).toBe(1);
});

test("a cancelled wait never calls, in whichever of its parts it is cancelled", () => {
  vi.useFakeTimers();
  const timer = createClock().after(30 * 86_400_000, () => expect.unreachable());
  vi.advanceTimersByTime(26 * 86_400_000);
  timer.cancel();
  vi.advanceTimersByTime(30 * 86_400_000);
});

test("chance has the asked size and stays in its bounds", () => {
  const random = createRandom();
  expect(random.bytes(10)).toHaveLength(10);
  expect(random.bytes(10)).not.toEqual(random.bytes(10));
  for (let i = 0; i < 100; i++) {
    const unit = random.unit();
    expect(unit >= 0 && unit < 1).toBe(true);
  }
});

test("state lies where each platform keeps it", () => {
  const at = (platform: NodeJS.Platform, env: NodeJS.ProcessEnv) =>
    stateDir({ platform, env, home: "/home/ada" });
  expect(at("linux", {})).toBe("/home/ada/.local/state/testyard");
  expect(at("linux", { XDG_STATE_HOME: "/var/state" })).toBe("/var/state/testyard");
  expect(at("linux", { XDG_STATE_HOME: "relative" })).toBe("/home/ada/.local/state/testyard");
  expect(at("darwin", {})).toBe("/home/ada/Library/Application Support/testyard");
  expect(at("win32", { LOCALAPPDATA: "/local" })).toBe("/local/testyard");
});

test("a log line is one line below its level's threshold none", () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "warn", json: false, write: (line) => lines.push(line) });
  logger.info("hidden");
  logger.warn("forged\n2026 error \u001b[31mno", {
    task: "t-1",
    note: "two words",
    count: 3,
    none: undefined,
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\S+Z warn  forged\\n2026 error \\u001b\[31mno task=t-1 note="two words" count=3\n$/,
  );
});

test("a JSON log line holds its fields as they are", () => {
  const lines: string[] = [];
  createLogger({ level: "info", json: true, write: (line) => lines.push(line) }).error("no disk", {
    free: 0,
  });
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "error", message: "no disk", free: 0 });
});
