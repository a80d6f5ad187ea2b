import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { lookAll } from "./finding.ts";
import { engines, fileSystem, folder, limits, node, platform, room } from "./machine.ts";
import { coordinator, keyFile, leftovers, sameVersion, skew } from "./yard.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "testyard-doctor-test-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const limitsFile = (soft: string): string => {
  writeFileSync(
    join(dir, "limits"),
    `Limit  Soft\nMax open files            ${soft}                 4096  files\n`,
  );
  return join(dir, "limits");
};

it.each([
  ["an old Node", () => node("20.18.9"), "fail"],
  ["a Node that is enough", () => node("20.19.0"), "ok"],
  ["a newer Node", () => node("24.0.1"), "ok"],
  ["an unknown platform", () => platform("aix", "ppc64"), "warn"],
  ["a network file system", () => fileSystem("/x", 0x6969), "fail"],
  ["one whose number has the highest bit", () => fileSystem("/x", 0xff534d42 | 0), "fail"],
  ["FUSE, which may be anything", () => fileSystem("/x", 0x65735546), "warn"],
  ["ext4", () => fileSystem("/x", 0xef53), "ok"],
  ["a full disk", () => room("/x", 1e6), "fail"],
  ["a nearly full disk", () => room("/x", 1e9), "warn"],
  ["few open files", () => limits(limitsFile("256")), "warn"],
  ["enough open files", () => limits(limitsFile("65536")), "ok"],
  ["unlimited files", () => limits(limitsFile("unlimited")), "ok"],
  ["no yard yet", () => keyFile(dir), "ok"],
  ["another version", () => sameVersion("9.9.9", "1.0.0"), "warn"],
  ["a clock that is off", () => skew(100_000, 0), "warn"],
  ["a clock that is not told", () => skew(Number.NaN, 0), "warn"],
  ["clocks that agree", () => skew(1_000, 0), "ok"],
])("calls %s by its name", async (_, look, status) => {
  const found = await look();
  expect(found.status).toBe(status);
  expect(found.next === null).toBe(status === "ok");
});

it("finds a key that others can read", async () => {
  writeFileSync(join(dir, "client-key"), "x", { mode: 0o600 });
  expect(await keyFile(dir)).toMatchObject({ status: "ok" });
  chmodSync(join(dir, "client-key"), 0o644);
  expect(await keyFile(dir)).toMatchObject({ status: "fail", next: `chmod 600 ${join(dir, "client-key")}` });
});

it("writes into the folder to know that it can, and leaves nothing", async () => {
  expect((await folder(join(dir, "state"))).map(({ check }) => check)).toEqual(["folder", "disk"]);
  writeFileSync(join(dir, "file"), "");
  const [found] = await lookAll({ folder: () => folder(join(dir, "file")) });
  expect(found).toMatchObject({ check: "folder", status: "fail" });
});

it("opens both engines", async () => {
  expect(await engines()).toMatchObject([{ status: "ok" }, { status: "ok" }]);
});

it("tells nobody from somebody else", async () => {
  const server = createServer((_, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await coordinator({ coordinator: url, isNamed: false })).toMatchObject([{ status: "warn" }]);
  await new Promise((resolve) => server.close(resolve));
  expect(await coordinator({ coordinator: url, isNamed: false })).toMatchObject([{ status: "ok" }]);
  expect(await coordinator({ coordinator: url, isNamed: true })).toMatchObject([{ status: "fail" }]);
});

it("finds what dead yards left", async () => {
  const yard = join(dir, "yard");
  mkdirSync(join(dir, "coordinators"));
  mkdirSync(yard);
  expect(await leftovers(dir, yard)).toMatchObject({ status: "ok" });
  const entry = { url: "http://127.0.0.1:1", data_dir: yard, pid: 2 ** 22 + 1, pid_started: "0" };
  writeFileSync(join(dir, "coordinators", "1.json"), JSON.stringify(entry));
  expect(await leftovers(dir, yard)).toMatchObject({
    status: "warn",
    message: expect.stringContaining("1 "),
  });
  mkdirSync(`${yard}.ab.restoring`);
  expect(await leftovers(dir, yard)).toMatchObject({ message: expect.stringContaining(".restoring") });
});
