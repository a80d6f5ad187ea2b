import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ensureClientKey } from "../security/index.ts";
import { findKey, httpUrl } from "./connection.ts";
import { dataPlaces } from "./data-dir.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "testyard-cli-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it.each([
  ["http://a:1/", "http://a:1"],
  ["ws://a:1/ws", "http://a:1"],
  ["wss://a/ws/", "https://a"],
  ["http://a:1,http://b:2", "http://a:1"],
])("speaks http to %s", (given, expected) => expect(httpUrl(given)).toBe(expected));

it.each(["foo", "127.0.0.1:8080", "ftp://a:1", "http://", ""])("refuses %j as an address", (given) => {
  expect(() => httpUrl(given)).toThrow("is no address of a coordinator");
});

it("takes the key that was given before the data directory that was named", async () => {
  const key = await ensureClientKey(dir);
  expect(await findKey("http://127.0.0.1:1", { dataDir: dir })).toBe(key);
  expect(await findKey("http://127.0.0.1:1", { dataDir: dir, clientKey: "other" })).toBe("other");
});

it("sends a key of this machine to no other", async () => {
  expect(await findKey("http://example.org:8080", {})).toBeNull();
});

it("keeps a yard's data beside its results, or with the user's state", () => {
  expect(dataPlaces({ dbPath: "/x/r.duckdb" }, "/s")).toEqual({
    dataDir: "/x/r.duckdb.yard",
    dbPath: "/x/r.duckdb",
  });
  expect(dataPlaces({}, "/s")).toEqual({ dataDir: "/s/yard", dbPath: "/s/yard/results.duckdb" });
  expect(dataPlaces({ dataDir: "/d", dbPath: "/x/r" }, "/s")).toEqual({ dataDir: "/d", dbPath: "/x/r" });
});
