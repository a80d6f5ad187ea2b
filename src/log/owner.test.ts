import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimDirectory, refuseLivingLeader, type DirectoryClaim } from "./owner.ts";

describe("claiming a data directory", () => {
  let dir: string;
  /** The processes of the machine: pid to start time. */
  let processes: Map<number, string>;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "testyard-owner-"));
    processes = new Map([
      [10, "1000"],
      [20, "2000"],
    ]);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const claim = (pid: number, pidStarted = processes.get(pid) ?? "none"): DirectoryClaim =>
    claimDirectory(dir, {
      pid,
      pidStarted,
      coordinatorId: `coordinator-${pid}`,
      now: 1_700_000_000_000,
      startTimeOf: (asked) => processes.get(asked) ?? null,
    });

  it("refuses a second process while the first one lives, naming it and since when", () => {
    claim(10);
    expect(() => claim(20)).toThrow(
      expect.objectContaining({
        code: "log_in_use",
        details: { pid: 10, coordinator_id: "coordinator-10", since: 1_700_000_000_000 },
      }),
    );
    expect(() => claim(20)).toThrow("process 10 (coordinator-10) has been using the log since 2023-11-14");
  });

  it("takes over from a dead process", () => {
    claim(10);
    processes.delete(10);
    claim(20);
    expect(() => claim(20)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ pid: 20 }) }),
    );
  });

  it("takes over when the pid belongs to another process by now", () => {
    claim(10);
    processes.set(10, "9999");
    claim(20);
    expect(() => claim(10)).toThrow(expect.objectContaining({ code: "log_in_use" }));
  });

  it("is free again after a release, for the same process too", () => {
    claim(10).release();
    const second = claim(10);
    expect(() => claim(20)).toThrow(expect.objectContaining({ code: "log_in_use" }));
    second.release();
    claim(20);
  });

  it("keeps one file however often it is taken over, and leaves no temporary one", () => {
    for (let i = 0; i < 5; i++) claim(10).release();
    expect(readdirSync(dir)).toEqual(["owner-5.json"]);
  });

  it("takes over a file that nobody can read", () => {
    writeFileSync(join(dir, "owner-3.json"), "{");
    claim(10);
    expect(readdirSync(dir)).toEqual(["owner-4.json"]);
  });

  /** A claim that is held up between its look at the leftover and the claim itself. */
  const slowClaim = (meanwhile: () => void): DirectoryClaim => {
    let pending: (() => void) | undefined = meanwhile;
    const startTimeOf = (pid: number): string | null => {
      const work = pending;
      pending = undefined;
      work?.();
      return processes.get(pid) ?? null;
    };
    return claimDirectory(dir, { pid: 30, pidStarted: "3000", coordinatorId: "slow", now: 1, startTimeOf });
  };
  const heldBy = (pid: number): unknown =>
    expect.objectContaining({ code: "log_in_use", details: expect.objectContaining({ pid }) });

  it("does not undo a claim that was made while it looked at the leftover before", () => {
    claim(10);
    processes.delete(10);
    expect(() => slowClaim(() => claim(20))).toThrow(heldBy(20));
  });

  it("does not make a number again that was taken, left and tidied away while it looked", () => {
    claim(10);
    processes.delete(10);
    const twice = (): void => {
      claim(20).release();
      claim(20);
    };
    expect(() => slowClaim(twice)).toThrow(heldBy(20));
    expect(readdirSync(dir)).toEqual(["owner-3.json"]);
  });
});

describe("the leader that the log names", () => {
  const leader = { pid: 10, pid_started: "1000", coordinator_id: "one", claimed_at: 5 };
  const self = { pid: 20, pidStarted: "2000" };

  it("is refused while it lives", () => {
    const living = { ...self, startTimeOf: () => "1000" };
    expect(() => refuseLivingLeader(leader, living)).toThrow(
      expect.objectContaining({ code: "log_in_use", details: { pid: 10, coordinator_id: "one", since: 5 } }),
    );
  });

  it("is of the past when it is dead, when its pid is another process, or when there was none", () => {
    refuseLivingLeader(leader, { ...self, startTimeOf: () => null });
    refuseLivingLeader(leader, { ...self, startTimeOf: () => "1001" });
    refuseLivingLeader(null, { ...self, startTimeOf: () => "1000" });
  });

  it("may be this very process", () => {
    refuseLivingLeader(leader, { pid: 10, pidStarted: "1000", startTimeOf: () => "1000" });
  });
});
