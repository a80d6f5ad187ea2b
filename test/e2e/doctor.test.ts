import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 60_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Doctor {
  ok: boolean;
  findings: { check: string; status: string; message: string; next: string | null }[];
}
const statusesOf = ({ findings }: Doctor) =>
  Object.fromEntries(findings.map((each) => [each.check, each.status]));

it("finds nothing amiss beside a yard that runs", async () => {
  const { url } = await home.coordinator();
  await home.worker(url, "w1");
  const found = await home.json<Doctor>(["doctor", "--coordinator", url, "--data-dir", home.path("yard")]);
  expect(found.ok).toBe(true);
  expect(statusesOf(found)).toMatchObject({
    node: "ok",
    log: "ok",
    results: "ok",
    key: "ok",
    coordinator: "ok",
    workers: "ok",
    answers: "ok",
  });
});

it("ends with 3 where the coordinator that was named does not answer", async () => {
  const { code, stdout } = await home.run(["doctor", "--coordinator", "http://127.0.0.1:9"]);
  expect([code, stdout]).toEqual([3, expect.stringMatching(/fail {2}coordinator .*\n +next: testyard up/)]);
});

it("runs where the native parts are missing, and says which", async () => {
  home.write({
    "hide.mjs": `
      import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(\`
        export async function resolve(name, context, next) {
          const missing = "data:text/javascript,throw new Error(%22no native part%22)";
          if (/^(lmdb$|@duckdb)/.test(name)) return { url: missing, shortCircuit: true };
          return next(name, context);
        }\`));`,
  });
  const env = { NODE_OPTIONS: `--import=${pathToFileURL(home.path("hide.mjs")).href}` };
  const { code, stdout } = await home.run(["doctor", "--json"], { env });
  const found = JSON.parse(stdout) as Doctor;
  expect(code).toBe(3);
  expect(statusesOf(found)).toMatchObject({ node: "ok", log: "fail", results: "fail" });
  const next = found.findings.find(({ check }) => check === "log")?.next;
  expect(next).toContain("npm install");
});
