import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sha256Of } from "../bulk/bulk-server.testing.ts";
import { findFiles } from "./artifact-files.ts";
import { keepArtifacts } from "./artifacts.ts";
import { bench, documentIn, folderAsWorkspace, temporaryDir, TREE } from "./executor.testing.ts";

const shell = (text: string, artifacts: string[], more: object = {}) => ({
  config: { shell: text, ...more },
  artifacts,
});
const NOTHING = { files: new Map(), refused: [], isCut: false };

describe("the artifacts of an attempt", () => {
  test("are stored by content before its result, and listed in its document", async () => {
    const { run, server } = await bench();
    const result = await run(
      shell("mkdir -p out/a cov; printf x > out/a/1.png; printf x > out/2.png; printf y > cov/z; echo > no", [
        "out/**/*.png",
        "cov/",
      ]),
    );
    expect(result).toMatchObject({ outcome: "passed", error: null, counts: null });
    expect(documentIn(result, server)).toMatchObject({
      framework: "command",
      cases: [],
      artifacts: [
        { path: "cov/z", sha256: sha256Of("y"), size_bytes: 1 },
        { path: "out/2.png", sha256: sha256Of("x"), size_bytes: 1 },
        { path: "out/a/1.png", sha256: sha256Of("x"), size_bytes: 1 },
      ],
    });
    expect(server.blobs.get(sha256Of("x"))?.toString()).toBe("x");
  });

  test("are sent only when the coordinator lacks them, large ones as a stream", async () => {
    const { run, server } = await bench();
    const large = Buffer.alloc(3_000_000, "abc");
    const known = server.add(Buffer.alloc(2_000_000, "k"));
    const make =
      "yes abc | tr -d '\\n' | head -c 3000000 > large; yes k | tr -d '\\n' | head -c 2000000 > known";
    server.faults = ["pass", "cut", "no_answer"];
    const result = await run(shell(make, ["large", "known"]));
    const listed = documentIn(result, server).artifacts?.map(({ sha256 }) => sha256);
    expect(listed).toEqual([known, sha256Of(large)]);
    expect(server.blobs.get(sha256Of(large))?.equals(large)).toBe(true);
    expect(server.requests.filter(({ path }) => path === `/api/blobs/${known}`)).toEqual([]);
  });

  test("are kept of failed and of timed-out attempts as well", async () => {
    const { run } = await bench();
    const failed = await run(shell("echo x > shot.png; exit 3", ["*.png"]));
    const late = await run(shell("echo x > shot.png; sleep 60", ["*.png"]), { timeout_ms: 300 });
    expect([failed.outcome, late.outcome]).toEqual(["failed", "timed_out"]);
    for (const result of [failed, late]) expect(documentIn(result).artifacts).toHaveLength(1);
  });

  test("are its own: what a task before it left unchanged in the workspace is not", async () => {
    const { run } = await bench({ cache: folderAsWorkspace({ "out/shipped": "s" }) });
    const first = await run({ ...shell("echo 1 > out/first", ["out/"]), workspace: TREE });
    const second = await run({ ...shell("echo 2 > out/second", ["out/"]), workspace: TREE });
    const paths = [first, second].map((each) => documentIn(each).artifacts?.map(({ path }) => path));
    expect(paths).toEqual([["out/first"], ["out/second"]]);
  });

  test("never lie outside of the folder, whatever links say", async () => {
    const { run, workDir } = await bench();
    writeFileSync(join(workDir, "secret"), "s");
    const link = `ln -s ${workDir}/secret a; ln -s ${workDir} dir; echo in > b; ln -s b c; mkfifo f`;
    const result = await run(shell(link, ["**"]));
    expect(documentIn(result).artifacts?.map(({ path }) => path)).toEqual(["b", "c"]);
    expect(result).toMatchObject({ outcome: "passed", error: { code: "artifact_outside" } });
    expect(result.error?.message).toContain("a is a link");
    expect(result.log).toContain("[testyard: artifact_outside: a is a link");
  });

  test("that lead upwards are refused by the worker too", async () => {
    const { run } = await bench();
    const result = await run(shell("true", ["../*"]));
    expect(result).toMatchObject({ outcome: "infrastructure", error: { code: "payload_unreadable" } });
  });
});

describe("the limits of artifacts", () => {
  async function kept(files: Record<string, string>, limits: object) {
    const { bulk } = await bench();
    const root = temporaryDir();
    for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
    const all = { fileBytes: 100, totalBytes: 1000, files: 10, ...limits };
    const signal = new AbortController().signal;
    const what = { root, patterns: ["**"], before: NOTHING, bulk, signal, limits: all };
    const { artifacts, problems } = await keepArtifacts(what);
    return { paths: artifacts.map(({ path }) => path), codes: problems.map(({ code }) => code) };
  }

  test("leave out what is too large, and say so", async () => {
    expect(await kept({ a: "x".repeat(101), b: "y" }, {})).toEqual({
      paths: ["b"],
      codes: ["artifact_too_large"],
    });
  });

  test("leave out what is beyond the sum or the number, in the order of the paths", async () => {
    const files = { a: "x".repeat(60), b: "y".repeat(60), c: "z" };
    expect(await kept(files, { totalBytes: 100 })).toEqual({
      paths: ["a", "c"],
      codes: ["artifacts_too_large"],
    });
    expect(await kept(files, { files: 2 })).toEqual({ paths: ["a", "b"], codes: ["artifacts_too_many"] });
  });
});

test("folders of tools are searched only when they are named", async () => {
  const root = temporaryDir();
  const { mkdirSync } = await import("node:fs");
  for (const dir of ["node_modules/x", "src"]) mkdirSync(join(root, dir), { recursive: true });
  for (const file of ["node_modules/x/a.png", "src/a.png"]) writeFileSync(join(root, file), "");
  symlinkSync("node_modules", join(root, "linked"));
  expect([...(await findFiles(root, ["**/*.png"])).files.keys()]).toEqual(["src/a.png"]);
  expect([...(await findFiles(root, ["node_modules/**/*.png"])).files.keys()]).toEqual([
    "node_modules/x/a.png",
  ]);
});
