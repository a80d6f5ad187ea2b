// Writes docs/reference/openapi.json, the description of the API that clients are promised, from one that
// runs: node scripts/openapi.mjs --write. Without --write it prints the description. A change that would
// break a client of the written one is refused until docs/reference/breaking-changes.json declares it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { breakingChanges, changeName, undeclared } from "../dist/coordinator/http/openapi/changes.js";
import { ROOT } from "./lib/process.mjs";

const FILE = join(ROOT, "docs/reference/openapi.json");
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

const document = await describe();
if (!process.argv.includes("--write")) {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
} else {
  const broken = undeclared(breakingChanges(readJson(FILE, document), document), readJson(DECLARED, []));
  for (const change of broken) console.error(`undeclared: ${changeName(change)}: ${change.detail}`);
  if (broken.length > 0) {
    console.error(
      "This breaks clients. Take it back, or declare it in docs/reference/breaking-changes.json:",
    );
    console.error('{ "change": "KIND PLACE as above", "version": "X.Y.Z", "reason": "WHY" }');
    process.exitCode = 1;
  } else {
    writeFileSync(FILE, `${JSON.stringify(document, null, 2)}\n`);
    console.error(`written: ${FILE}`);
  }
}
