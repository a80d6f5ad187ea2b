import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SpawnFailed } from "./process.ts";
import { DAEMON_PY, ended, freshKey, isAlive, pidsIn, run, temporaryDir } from "./processes.testing.ts";
import { hasProc } from "./process-table.ts";
import { killMarked } from "./process-tree.ts";

const PYTHON = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";

describe("a process", () => {
  test("hands on its exit code and both outputs", async () => {
    const { code, signal, output } = await ended(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    expect({ code, signal }).toEqual({ code: 3, signal: null });
    expect(output.split("\n").sort()).toEqual(["", "err", "out"]);
  });

  test("gets its arguments as they are, without a shell", async () => {
    const { output } = await ended(["printf", "%s\n", "$(id); echo no", "a b"]);
    expect(output).toBe("$(id); echo no\na b\n");
  });

  test("tells the signal that ended it", async () => {
    expect(await ended(["sh", "-c", "kill -9 $$"])).toMatchObject({ code: null, signal: "SIGKILL" });
  });

  test("gives every byte of a large output", async () => {
    const started = await run(["head", "-c", "20000000", "/dev/zero"]);
    await started.ended;
    expect(started.outputBytes()).toBe(20_000_000);
  });

  test("that cannot begin says whether the program or the folder is missing", async () => {
    const noProgram = await run(["no-such-program-here"]).catch((error: unknown) => error);
    expect(noProgram).toBeInstanceOf(SpawnFailed);
    expect(noProgram).toMatchObject({ errno: "ENOENT", about: "program" });
    const noFolder = await run(["true"], { cwd: "/no/such/folder" }).catch((error: unknown) => error);
    expect(noFolder).toMatchObject({ errno: "ENOENT", about: "folder" });
    const nulByte = await run(["true", "a\0b"]).catch((error: unknown) => error);
    expect(nulByte).toBeInstanceOf(SpawnFailed);
  });

  test("that ends on SIGTERM is not made to wait for the grace period", async () => {
    const started = await run(["sleep", "600"]);
    const before = performance.now();
    started.kill(30_000);
    expect(await started.ended).toMatchObject({ signal: "SIGTERM", survivors: 0 });
    expect(performance.now() - before).toBeLessThan(5000);
  });

  test("that ignores SIGTERM is killed after the grace period, its children with it", async () => {
    const child = `sh -c 'trap "" TERM; echo pid $$; while :; do sleep 1; done'`;
    const script = `trap "" TERM; ${child} & echo pid $$; wait`;
    const started = await run(["sh", "-c", script]);
    await started.printed(/pid \d+\n[^]*pid \d+\n/);
    started.kill(150);
    expect(await started.ended).toMatchObject({ signal: "SIGKILL", survivors: 0 });
    expect(pidsIn(started.output()).filter(isAlive)).toEqual([]);
  });

  test("lets its tree clean up within the grace period", async () => {
    const dir = temporaryDir();
    const started = await run(
      ["sh", "-c", "trap 'echo bye > said; exit 0' TERM; echo up; while :; do sleep 0.02; done"],
      { cwd: dir },
    );
    await started.printed("up");
    started.kill(10_000);
    await started.ended;
    expect(existsSync(`${dir}/said`)).toBe(true);
  });

  test("is ended at once by a second, hastier kill", async () => {
    const started = await run(["sh", "-c", `trap "" TERM; echo up; while :; do sleep 1; done`]);
    await started.printed("up");
    started.kill(60_000);
    started.kill(0);
    expect(await started.ended).toMatchObject({ signal: "SIGKILL" });
  });

  test("that is stopped is ended too", async () => {
    const started = await run(["sh", "-c", "echo up; kill -STOP $$"]);
    await started.printed("up");
    started.kill(10_000);
    expect(await started.ended).toMatchObject({ survivors: 0 });
  });
});

describe.skipIf(!hasProc)("a tree that tries to get away", () => {
  test("is in a session and a group of its own, so that one signal reaches all of it", async () => {
    const { output } = await ended(["sh", "-c", "echo $$; cut -d ' ' -f 5,6 /proc/$$/stat"]);
    const [pid, group] = output.trim().split("\n");
    expect(group).toBe(`${pid} ${pid}`);
  });

  test("is ended down to a daemon that left group and session and ignores SIGTERM", async () => {
    const started = await run([PYTHON, "-c", `${DAEMON_PY}\ndaemon(True); daemon(False); time.sleep(600)`]);
    await started.printed(/pid \d+\n[^]*pid \d+\n/);
    started.kill(100);
    expect(await started.ended).toMatchObject({ survivors: 0 });
    const daemons = pidsIn(started.output());
    expect(daemons).toHaveLength(2);
    expect(daemons.filter(isAlive)).toEqual([]);
  });

  test("cannot hold the end open with a daemon that keeps the pipes", async () => {
    const before = performance.now();
    const end = await ended([PYTHON, "-c", `${DAEMON_PY}\ndaemon(True)`]);
    expect(end).toMatchObject({ code: 0, leftBehind: 1, survivors: 0 });
    expect(performance.now() - before).toBeLessThan(5000);
    expect(pidsIn(end.output).filter(isAlive)).toEqual([]);
  });

  test("cannot hide in another yard's key: nested keys are kept side by side", async () => {
    const daemon = "setsid sh -c 'echo pid $$; exec sleep 600' &";
    const end = await ended([
      "sh",
      "-c",
      `export TESTYARD_ATTEMPT_KEY="$TESTYARD_ATTEMPT_KEY inner"; ${daemon} sleep 0.1`,
    ]);
    expect(pidsIn(end.output)).toHaveLength(1);
    expect(end.survivors).toBe(0);
    expect(pidsIn(end.output).filter(isAlive)).toEqual([]);
  });

  test("leaves the processes of another attempt alone", async () => {
    const other = await run(["sleep", "600"]);
    const mine = await run(["sleep", "600"]);
    mine.kill(0);
    await mine.ended;
    expect(isAlive(other.pid)).toBe(true);
    other.kill(0);
    await other.ended;
  });

  test("of an earlier life is found by the beginning of its key, and only that", async () => {
    const [former, foreign] = [freshKey(), freshKey()];
    const left = await run(["sleep", "600"], { key: `${former}/task.1` });
    const other = await run(["sleep", "600"], { key: `${foreign}/task.1` });
    expect(await killMarked(`${former}/`)).toEqual({ found: 1, survivors: 0 });
    expect(await left.ended).toMatchObject({ signal: "SIGKILL" });
    expect(isAlive(other.pid)).toBe(true);
    other.kill(0);
    await other.ended;
  });
});

describe.skipIf(!hasProc)("what a process used", () => {
  test("holds the processor time of children that it waited for, however short", async () => {
    const busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass";
    const { usage } = await ended(["sh", "-c", '"$0" -c "$1"; "$0" -c "$1"', PYTHON, busy]);
    expect(usage?.cpuMs).toBeGreaterThanOrEqual(570);
    expect(usage?.cpuMs).toBeLessThan(1500);
  });

  test("is known of what ends before anybody has looked at it", async () => {
    const { usage } = await ended(["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"]);
    expect(usage?.cpuMs).toBeGreaterThan(0);
  });

  test("is told apart when two run side by side", async () => {
    const busy = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass";
    const [idle, loaded] = await Promise.all([ended(["sleep", "0.4"]), ended([PYTHON, "-c", busy])]);
    expect(idle.usage?.cpuMs).toBeLessThan(150);
    expect(loaded.usage?.cpuMs).toBeGreaterThanOrEqual(450);
  });

  test("holds the memory of the whole tree at its largest", async () => {
    const hold = "import time; block = bytearray(b'x') * 60_000_000; time.sleep(1.6)";
    const { usage } = await ended(["sh", "-c", '"$0" -c "$1" & "$0" -c "$1"; wait', PYTHON, hold]);
    expect(usage?.maxRssBytes).toBeGreaterThan(120_000_000);
    expect(usage?.maxRssBytes).toBeLessThan(300_000_000);
  });
});
