/** Held against expat, which is as strict as the readers in Jenkins and GitLab. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import { buildReport } from "./build.ts";
import { toJunit } from "./junit.ts";
import { aCase, anAttempt, aRun, aTask } from "./reports.testing.ts";

const run = promisify(execFile);
const CHECK = [
  "import sys, xml.parsers.expat as expat",
  "for path in sys.argv[1:]:",
  "    parser = expat.ParserCreate()",
  "    with open(path, 'rb') as file: parser.ParseFile(file)",
].join("\n");

const nasty = fc.oneof(
  fc.constantFrom(
    "\u001b[31mred\u001b[0m",
    "]]>",
    "\u0000\u0007\ufffe\uffff",
    "\ud800",
    "x\udc00y",
    "&amp;<a>",
    "\r\n\r",
    "\u{1f600}",
  ),
  fc.string({ unit: "binary" }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
    .map((codes) => String.fromCharCode(...codes)),
);
const outcome = fc.constantFrom("passed", "failed", "skipped", "error");

const hasPython = await run("python3", ["-c", "import xml.parsers.expat"]).then(
  () => true,
  () => false,
);

it("is well formed whatever names, messages and output hold", async (context) => {
  if (!hasPython) context.skip("needs python3: apt-get install python3");
  const folder = await mkdtemp(join(tmpdir(), "testyard-junit-"));
  try {
    const record = fc.record({
      name: nasty,
      file: nasty,
      message: nasty,
      detail: nasty,
      stdout: nasty,
      stderr: nasty,
      outcome,
    });
    const samples = fc.sample(fc.array(record, { minLength: 1, maxLength: 5 }), { numRuns: 300, seed: 7 });
    const paths = await Promise.all(
      samples.map(async (items, i) => {
        const cases = items.map(({ outcome: of, name, ...more }) => aCase(name, of, more));
        const task = aTask({
          name: items[0]?.name ?? "",
          suite: items[0]?.file ?? "",
          attempts: [anAttempt({ cases })],
        });
        const path = join(folder, `${i}.xml`);
        await writeFile(path, toJunit(buildReport(aRun([task]))));
        return path;
      }),
    );
    await expect(run("python3", ["-c", CHECK, ...paths])).resolves.toMatchObject({ stderr: "" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
