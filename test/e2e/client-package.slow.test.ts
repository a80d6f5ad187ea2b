/** The client as a user has it: from the packed package, checked by their compiler, run against a yard. */
import { execFile } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 240_000 });

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));
const call = promisify(execFile);
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

it("is installed from the tarball, typechecks under strict without skipLibCheck, and runs", async () => {
  // The build that is under test is the one that is packed.
  await call("npm", ["pack", "--ignore-scripts", "--pack-destination", home.dir, ...QUIET], { cwd: ROOT });
  const tarball = readdirSync(home.dir).find((name) => name.endsWith(".tgz")) ?? "";
  const cwd = home.path("user");
  cpSync(`${ROOT}examples/client`, cwd, { recursive: true });
  const install = ["install", home.path(tarball), "@types/node@20.19.43", "--prefer-offline", ...QUIET];
  await call("npm", install, { cwd });
  await call(TSC, ["-p", "."], { cwd });

  const { url } = await home.coordinator();
  await home.worker(url, "w1");
  const env = {
    ...process.env,
    TESTYARD_COORDINATOR: url,
    TESTYARD_KEY_FILE: home.path("yard", "client-key"),
  };
  const { stdout } = await call(process.execPath, ["built/smoke.js"], { cwd, env });
  expect(stdout.trim().split("\n").sort()).toEqual([
    "completed echo one",
    "completed echo two",
    "completed sleep 0.1",
  ]);

  const look = 'import "testyard/client"; console.log(process.report.getReport().sharedObjects.join("\\n"))';
  const loaded = await call(process.execPath, ["--input-type=module", "-e", look], { cwd });
  // Neither the database nor the log's engine comes along: both are libraries of machine code.
  expect(loaded.stdout).not.toMatch(/\.node$/m);
  const traced = home.start(["coordinator", "--port", "0", "--data-dir", home.path("traced")], {
    main: `${cwd}/node_modules/testyard/dist/cli/main.js`,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" },
  });
  await traced.says(/traces are not sent.*npm install @opentelemetry\/sdk-trace-base/);
  await traced.says(/coordinator at/);

  const refused = { ...env, TESTYARD_KEY_FILE: home.path("yard", "cluster.json") };
  const failed = await call(process.execPath, ["built/smoke.js"], { cwd, env: refused }).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: 3, stderr: expect.stringContaining("refused: unauthorized") });
});
