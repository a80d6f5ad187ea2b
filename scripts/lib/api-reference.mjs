// Writes what docs/reference holds of the running program: openapi.json, the description of the API that
// clients are promised, and metrics.md. A change of the API that would break a client of the written one is
// refused until docs/reference/breaking-changes.json declares it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./process.mjs";

const FILE = join(ROOT, "docs/reference/openapi.json");
const METRICS = join(ROOT, "docs/reference/metrics.md");
const DECLARED = join(ROOT, "docs/reference/breaking-changes.json");

async function describe() {
  const scratch = mkdtempSync(join(tmpdir(), "testyard-openapi-"));
  const args = [
    join(ROOT, "dist/cli/main.js"),
    "coordinator",
    "--port",
    "0",
    "--data-dir",
    join(scratch, "y"),
  ];
  const env = { ...process.env, XDG_STATE_HOME: scratch };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    const url = await Promise.race([addressIn(child.stderr), ended.then(() => undefined)]);
    if (url === undefined) throw new Error("the coordinator did not start");
    return await (await fetch(`${url}/openapi.json`)).json();
  } finally {
    child.kill("SIGTERM");
    await ended;
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function addressIn(stream) {
  let said = "";
  for await (const text of stream.setEncoding("utf8")) {
    said += text;
    const [, url] = /coordinator at (http:\S+?),/.exec(said) ?? [];
    if (url !== undefined) return url;
  }
  process.stderr.write(said);
}

function readJson(path, otherwise) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return otherwise;
    throw error;
  }
}

const built = (path) => import(pathToFileURL(join(ROOT, "dist/coordinator", path)).href);

/** Needs a build. Resolves to false, and says why, when it would break clients without saying so. */
export async function writeApiReference() {
  const { breakingChanges, changeName, undeclared } = await built("http/openapi/changes.js");
  const { metricsReference } = await built("metrics/reference.js");
  const document = await describe();
  const broken = undeclared(breakingChanges(readJson(FILE, document), document), readJson(DECLARED, []));
  for (const change of broken) console.error(`undeclared: ${changeName(change)}: ${change.detail}`);
  if (broken.length > 0) {
    console.error(
      "This breaks clients. Take it back, or declare it in docs/reference/breaking-changes.json:",
    );
    console.error('{ "change": "KIND PLACE as above", "version": "X.Y.Z", "reason": "WHY" }');
    return false;
  }
  writeFileSync(FILE, `${JSON.stringify(document, null, 2)}\n`);
  writeFileSync(METRICS, await metricsReference());
  return true;
}
