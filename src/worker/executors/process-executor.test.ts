import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { attemptResult, resultDocument } from "../../protocol/index.ts";
import { bench, documentIn, folderAsWorkspace, temporaryDir, TREE } from "./executor.testing.ts";

const shell = (text: string, more: object = {}) => ({ config: { shell: text, ...more } });

describe("a command", () => {
  test("that ends well has passed, with its output stored and its times and use", async () => {
    const { run } = await bench();
    const result = await run(shell("echo out; echo err >&2"));
    expect(result).toMatchObject({
      outcome: "passed",
      exit_code: 0,
      signal: null,
      counts: null,
      document: null,
      error: null,
    });
    expect(result.log.split("\n").sort()).toEqual(["", "err", "out"]);
    expect(result.log_bytes).toBe(8);
    expect(result.duration_ms).toBeGreaterThanOrEqual(0);
    expect(attemptResult.safeParse(result).success).toBe(true);
  });

  test("that ends otherwise has failed with its exit code or signal", async () => {
    const { run } = await bench();
    expect(await run(shell("exit 7"))).toMatchObject({ outcome: "failed", exit_code: 7 });
    expect(await run(shell("kill -SEGV $$"))).toMatchObject({
      outcome: "failed",
      exit_code: null,
      signal: "SIGSEGV",
    });
  });

  test("given as words meets no shell", async () => {
    const { run } = await bench();
    const { log } = await run({ config: { command: ["printf", "%s|", "$(id)", "; rm -rf /", "a b"] } });
    expect(log).toBe("$(id)|; rm -rf /|a b|");
  });

  test("that is not there has failed with 127, one that cannot be executed with 126", async () => {
    const { run, workDir } = await bench();
    const missing = await run({ config: { command: ["no-such-program"] } });
    expect(missing).toMatchObject({
      outcome: "failed",
      exit_code: 127,
      error: { code: "command_not_found" },
    });
    expect(missing.error?.message).toContain("no-such-program");
    writeFileSync(join(workDir, "plain"), "text");
    const plain = await run({ config: { command: [join(workDir, "plain")] } });
    expect(plain).toMatchObject({
      outcome: "failed",
      exit_code: 126,
      error: { code: "command_not_executable" },
    });
  });

  test("without output makes no request", async () => {
    const { run, server } = await bench();
    expect(await run({ config: { command: ["true"] } })).toMatchObject({ outcome: "passed", log_bytes: 0 });
    expect(server.requests).toEqual([]);
  });

  test("leaves nothing in the worker's folder", async () => {
    const { run, workDir } = await bench();
    await run(shell("echo x > file; mkdir -p a/b; head -c 1000000 /dev/zero"));
    expect(readdirSync(join(workDir, "attempts"))).toEqual([]);
  });
});

describe("the environment of an attempt", () => {
  const env = {
    PATH: process.env["PATH"],
    LC_ALL: "C",
    AWS_SECRET: "canary",
    CI: "true",
    NO_COLOR: "1",
    HOME: "/home/x",
  };
  const names = (log: string) =>
    log
      .split("\n")
      .map((line) => line.split("=")[0])
      .filter((name) => name !== "" && !/^(_|PWD|OLDPWD|SHLVL)$/.test(name ?? ""));

  test("is the short list, the task's own and the yard's, and nothing else", async () => {
    const { run } = await bench({ env });
    const { log } = await run(
      { config: { command: ["env"] }, env: { MINE: "1", LC_ALL: "de" } },
      { task_id: "T-env", attempt: 3, slot: 5 },
    );
    expect(names(log).toSorted((a, b) => (a ?? "").localeCompare(b ?? ""))).toEqual([
      "HOME",
      "LC_ALL",
      "MINE",
      "PATH",
      "TESTYARD_ATTEMPT",
      "TESTYARD_ATTEMPT_KEY",
      "TESTYARD_RUN_ID",
      "TESTYARD_SLOT",
      "TESTYARD_TASK_ID",
      "TESTYARD_WORKER_ID",
      "TRACEPARENT",
    ]);
    expect(log).toContain("LC_ALL=de\n");
    expect(log).toContain(
      "TESTYARD_TASK_ID=T-env\nTESTYARD_ATTEMPT=3\nTESTYARD_RUN_ID=R1\n" +
        "TESTYARD_WORKER_ID=w-1\nTESTYARD_SLOT=5\n",
    );
    expect(log).toMatch(/^TRACEPARENT=00-[0-9a-f]{32}-[0-9a-f]{16}-01$/m);
    expect(log).not.toContain("canary");
  });

  test("shows the devices of the task alone, counted per vendor", async () => {
    const gpu = (index: number, vendor: string) => ({ index, vendor, model: "m", memory_mb: 1 });
    const { run } = await bench({
      env,
      gpus: [gpu(0, "nvidia"), gpu(1, "nvidia"), gpu(2, "amd"), gpu(3, "amd")],
    });
    const show = {
      config: { shell: 'echo "$CUDA_VISIBLE_DEVICES/$ROCR_VISIBLE_DEVICES/${CUDA_VISIBLE_DEVICES+set}"' },
    };
    expect((await run(show, { gpus: [1, 3] })).log).toBe("1/1/set\n");
    expect((await run(show, { gpus: [] })).log).toBe("//set\n");
  });
});

describe("time and cancelling", () => {
  test("a task that takes too long is timed out, its whole tree with it", async () => {
    const { run } = await bench({ graceMs: 50 });
    const result = await run(shell(`trap "" TERM; echo pid $$; sleep 600 & echo pid $!; wait; sleep 600`), {
      timeout_ms: 200,
    });
    expect(result).toMatchObject({ outcome: "timed_out", signal: "SIGKILL" });
    const pids = [...result.log.matchAll(/pid (\d+)/g)].map((match) => Number(match[1]));
    expect(pids).toHaveLength(2);
    for (const pid of pids) expect(existsSync(`/proc/${pid}/fd/0`)).toBe(false);
    expect(result.duration_ms).toBeGreaterThanOrEqual(200);
    expect(result.duration_ms).toBeLessThan(5000);
  });

  test("a cancelled task ends as cancelled, with the reason and the output so far", async () => {
    const { start } = await bench();
    const attempt = start(shell("echo before; sleep 600"));
    await attempt.up;
    attempt.cancel("not wanted");
    expect(await attempt.done).toMatchObject({
      outcome: "cancelled",
      error: { code: "cancelled", message: "not wanted" },
    });
  });

  test("a task cancelled while its workspace is prepared never starts", async () => {
    let asked: () => void = () => {};
    const preparing = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { start, server } = await bench({
      cache: {
        prepare: async ({ fetcher }) => {
          asked();
          for await (const item of fetcher.fetchMany([TREE])) expect(item).toBeUndefined();
          return { dir: "/", fetchedBytes: 0, reused: false, release: () => {} };
        },
      },
    });
    server.onRequest = () => ({ status: 503, headers: { "retry-after": "900" } });
    let started = false;
    const attempt = start({ ...shell("echo no"), workspace: TREE });
    void attempt.up.then(() => {
      started = true;
    });
    await preparing;
    attempt.cancel("changed my mind");
    expect(await attempt.done).toMatchObject({ outcome: "cancelled", exit_code: null });
    expect(started).toBe(false);
  });

  test("an executor that closes ends everything and answers for all of it", async () => {
    const { start, executor, server } = await bench();
    const running = [
      start(shell("echo a; sleep 600")),
      start(shell(`trap "" TERM; echo b; while :; do sleep 1; done`)),
    ];
    await Promise.all(running.map(({ up }) => up));
    await server.stop();
    await executor.close();
    const outcomes = await Promise.all(running.map(({ done }) => done));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["cancelled", "cancelled"]);
    expect(await start(shell("echo c")).done).toMatchObject({ outcome: "cancelled" });
  });
});

describe("a coordinator that is away", () => {
  test("loses no output and no cases: the result waits for it", async () => {
    const { start, server } = await bench();
    let turnedAway = 0;
    const away = new Promise<void>((resolve) => {
      server.onRequest = () => {
        turnedAway += 1;
        if (turnedAway === 6) resolve();
        return turnedAway % 2 === 0 ? "cut" : { status: 503 };
      };
    });
    const attempt = start(shell("seq 1 20000; exit 1", { report: "tap" }), { type: "test" });
    let isDone = false;
    void attempt.done.then(() => {
      isDone = true;
    });
    await away;
    expect(isDone).toBe(false);
    await server.stop();
    server.onRequest = null;
    await server.start();
    const result = await attempt.done;
    const expected = `${Array.from({ length: 20_000 }, (_, i) => i + 1).join("\n")}\n`;
    expect(attempt.log()).toBe(expected);
    expect(result.log_bytes).toBe(expected.length);
  });

  test("that loses answers and connections still holds every byte once and in order", async () => {
    const { run, server } = await bench();
    server.faults = ["no_answer", "cut", "no_answer", { status: 500 }, "no_answer"];
    const { log, outcome } = await run(shell("seq 1 200000"));
    expect(outcome).toBe("passed");
    expect(log).toBe(`${Array.from({ length: 200_000 }, (_, i) => i + 1).join("\n")}\n`);
  });

  test("that forgot the beginning of a log is given it again", async () => {
    const { start, server } = await bench();
    const dir = temporaryDir();
    const attempt = start(shell(`echo begin; while [ ! -e ${dir}/go ]; do sleep 0.02; done; echo end`));
    await new Promise<void>((resolve) => {
      server.onRequest = () => {
        setImmediate(resolve);
        return undefined;
      };
    });
    server.onRequest = null;
    while (attempt.log() === "") await new Promise((resolve) => setImmediate(resolve));
    server.logs.clear();
    writeFileSync(join(dir, "go"), "");
    expect(await attempt.done).toMatchObject({ outcome: "passed", error: null, log_bytes: 10 });
    expect(attempt.log()).toBe("begin\nend\n");
  });

  test("that refuses the log for good does not hold the result", async () => {
    const { run, server } = await bench();
    server.onRequest = () => ({ status: 409, body: { code: "stale_attempt", detail: "attempt 2 runs" } });
    const result = await run(shell("echo x"));
    expect(result).toMatchObject({ outcome: "passed", log_bytes: 0, error: { code: "log_not_stored" } });
    expect(result.error?.message).toContain("attempt 2 runs");
  });
});

describe("the log of an attempt", () => {
  test("is cut at its limit with a note, while its end is still read for results", async () => {
    const { run } = await bench({ logLimitBytes: 100_000 });
    const tap =
      "echo 'TAP version 13'; head -c 300000 /dev/zero | tr '\\0' '#'; echo; echo 'ok 1 - fine'; echo '1..1'";
    const result = await run(shell(tap));
    expect(result).toMatchObject({ outcome: "passed", error: { code: "log_truncated" } });
    expect(result.log.length).toBe(result.log_bytes);
    expect(result.log.length).toBeLessThan(100_200);
    expect(result.log).toMatch(
      /#\n\[testyard: the log is cut here; of one attempt 100000 bytes are kept\]\n$/,
    );
  });

  test("shows its last lines in the case that failed, though they are beyond the limit", async () => {
    const { run } = await bench({ logLimitBytes: 50_000 });
    const result = await run(shell("seq 1 50000; echo the reason; exit 1"), { type: "test" });
    expect(result).toMatchObject({ outcome: "failed", error: { code: "log_truncated" } });
    expect(documentIn(result).cases[0]?.detail).toMatch(/\n49999\n50000\nthe reason$/);
  });

  test("arrives while the attempt still runs", async () => {
    const { start, server } = await bench();
    const dir = temporaryDir();
    const attempt = start(shell(`echo early; while [ ! -e ${dir}/go ]; do sleep 0.02; done`));
    await new Promise<void>((resolve) => {
      server.onRequest = () => {
        resolve();
        return undefined;
      };
    });
    writeFileSync(join(dir, "go"), "");
    await attempt.done;
    expect(attempt.log()).toBe("early\n");
  });

  test("tells of a daemon that was ended", async () => {
    const { run } = await bench();
    const result = await run(shell("setsid sleep 600 & sleep 0.05; echo done"));
    expect(result).toMatchObject({ outcome: "passed", error: null });
    expect(result.log).toBe("done\n\n[testyard: ended 1 process(es) that it left behind]\n");
  });
});

describe("cases", () => {
  const junit =
    '<testsuite name="s"><testcase classname="c" name="good" time="0.5"/>' +
    '<testcase classname="c" name="bad"><failure message="no"/></testcase></testsuite>';

  test("are read from JUnit XML that a pattern names; a failed one fails what exits well", async () => {
    const cache = folderAsWorkspace({
      "lib/old.xml": junit,
      "lib/run.sh": `#!/bin/sh\nmkdir -p out\ncat > out/r.xml <<'X'\n${junit}\nX\n`,
    });
    const { run } = await bench({ cache });
    const result = await run({
      config: { command: ["./run.sh"], cwd: "lib", report: "out/*.xml" },
      workspace: TREE,
    });
    expect(result).toMatchObject({
      outcome: "failed",
      exit_code: 0,
      counts: { passed: 1, failed: 1, skipped: 0, error: 0 },
    });
    const document = documentIn(result);
    expect(resultDocument.safeParse(document).success).toBe(true);
    expect(document).toMatchObject({
      framework: "junit",
      cases: [{ outcome: "passed", duration_ms: 500 }, { outcome: "failed" }],
    });
    expect(cache.released).toBe(1);
  });

  test("that a pattern does not name are not taken", async () => {
    const cache = folderAsWorkspace({ "run.sh": `#!/bin/sh\ncat > other.xml <<'X'\n${junit}\nX\n` });
    const { run } = await bench({ cache });
    const result = await run({ config: { command: ["./run.sh"], report: "out/*.xml" }, workspace: TREE });
    expect(result).toMatchObject({
      outcome: "failed",
      counts: { passed: 0, failed: 0, skipped: 0, error: 1 },
    });
  });

  test("are read from TAP, all of it, though more was printed than is kept in memory", async () => {
    const { run, server } = await bench();
    const script = "echo 1..3000; seq 1 3000 | sed 's/.*/ok & - case number & with a name of some length/'";
    const result = await run(shell(script, { report: "tap" }));
    expect(result).toMatchObject({
      outcome: "passed",
      counts: { passed: 3000 },
      document: { blob: expect.any(String) },
    });
    const document = documentIn(result, server);
    expect(document.cases).toHaveLength(3000);
    expect(new Set(document.cases.map((each) => each.test_id)).size).toBe(3000);
  });

  test("keep their identity whatever worker, run, attempt or spelling of the folder", async () => {
    const cache = folderAsWorkspace({ "py/t.tap.sh": "#!/bin/sh\necho 1..1\necho ok 1 - a\n" });
    const ids = [];
    for (const suite of ["py", "./py/"]) {
      const { run } = await bench({ cache });
      const config = { adapter: "tap", suite, command: ["./t.tap.sh"], files: ["t.tap.sh"] };
      ids.push(documentIn(await run({ config, workspace: TREE }, { type: "test", run_id: suite })).cases[0]);
    }
    expect(ids[0]).toEqual(ids[1]);
    expect(ids[0]).toMatchObject({ file: "py/t.tap.sh", name: "a" });
  });

  test("of a document that cannot be stored are reported as missing, with the outcome kept", async () => {
    const { run, server } = await bench();
    server.onRequest = (method, path) =>
      method === "PUT" && path.startsWith("/api/blobs/")
        ? { status: 413, body: { code: "body_too_large", detail: "no" } }
        : undefined;
    const result = await run(shell("echo 1..3000; seq -f 'ok %g - case' 1 3000", { report: "tap" }));
    expect(result).toMatchObject({
      outcome: "passed",
      document: null,
      counts: { passed: 3000 },
      error: { code: "document_not_stored" },
    });
  });

  test("of a type test by a plain command are the command itself", async () => {
    const { run } = await bench();
    expect(await run(shell("exit 0"), { type: "test" })).toMatchObject({
      outcome: "passed",
      counts: { passed: 1 },
    });
    expect(await run(shell("exit 1"), { type: "test" })).toMatchObject({
      outcome: "failed",
      counts: { failed: 1 },
    });
  });
});

describe("what cannot be run", () => {
  test("because of how it is written fails with a reason", async () => {
    const { run } = await bench();
    const codeOf = async (config: Record<string, unknown>, more = {}) => {
      const { outcome, error } = await run({ config }, more);
      return `${outcome} ${error?.code}`;
    };
    expect(await codeOf({})).toBe("failed config_invalid");
    expect(await codeOf({ command: "make test" })).toBe("failed config_invalid");
    expect(await codeOf({ command: ["a"], shell: "b" })).toBe("failed config_invalid");
    expect(await codeOf({ shell: "true", cwd: "../.." })).toBe("failed config_invalid");
    expect(await codeOf({ shell: "true", cwd: "nowhere" })).toBe("failed folder_missing");
    expect(await codeOf({ adapter: "nonsense" })).toBe("failed adapter_unknown");
    expect(await codeOf({ adapter: "junit" })).toBe("failed adapter_no_command");
    expect(await codeOf({ files: ["x.rb"] })).toBe("failed adapter_unknown");
    const model = { model: "bert-base-uncased", batch_sizes: [1, 2], precision: "fp16", iterations: 100 };
    expect(await codeOf(model, { type: "benchmark" })).toBe("failed model_benchmark_unavailable");
    expect(await codeOf({ ...model, command: ["true"] }, { type: "benchmark" })).toBe("passed undefined");
  });

  test("because of us or the network is infrastructure", async () => {
    const { run, server } = await bench({
      cache: { prepare: () => Promise.reject(Object.assign(new Error("bad"), { code: "manifest_refused" })) },
    });
    expect(await run("no JSON")).toMatchObject({
      outcome: "infrastructure",
      error: { code: "payload_unreadable" },
    });
    expect(await run({ ...shell("true"), workspace: TREE })).toMatchObject({
      outcome: "infrastructure",
      error: { code: "manifest_refused" },
    });
    const gone = await run("", { payload: { blob: "b".repeat(64) } });
    expect(gone).toMatchObject({ outcome: "infrastructure", error: { code: "blob_missing" } });
    const blob = server.add(JSON.stringify(shell("echo from a blob")));
    expect((await run("", { payload: { blob } })).log).toBe("from a blob\n");
  });
});

test("absolute folders are for tasks without a workspace", async () => {
  const dir = temporaryDir();
  const { run } = await bench({ cache: folderAsWorkspace({}) });
  expect((await run(shell("pwd", { cwd: dir }))).log).toContain(dir.split("/").at(-1));
  const refused = await run({ ...shell("pwd", { cwd: dir }), workspace: TREE });
  expect(refused).toMatchObject({ outcome: "failed", error: { code: "config_invalid" } });
});

test("what an attempt of a former life left is gone when the executor is made", async () => {
  const first = await bench();
  const left = join(first.workDir, "attempts", "old.1");
  writeFileSync(left, "x");
  const { createProcessExecutor } = await import("./process-executor.ts");
  const { createClock, startProcess } = await import("../../platform/index.ts");
  const { noCache } = await import("./executor.testing.ts");
  createProcessExecutor({
    workDir: first.workDir,
    cache: noCache,
    bulk: first.bulk,
    clock: createClock(),
    graceMs: 1,
    env: {},
    logLimitBytes: 1,
    workerId: "w",
    gpus: [],
    start: startProcess,
  });
  expect(() => readFileSync(left)).toThrow("ENOENT");
});
