import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeManifest, encodeManifest } from "./index.ts";
import type { ManifestEntry } from "./index.ts";
import { comparePaths } from "./manifest.ts";
import { linkFault, pathFault } from "./path-rules.ts";

const sha256 = "a".repeat(64);
const file = (path: string): ManifestEntry => ({ path, kind: "file", mode: 0o644, size: 1, sha256 });
const link = (path: string, target: string): ManifestEntry => ({ path, kind: "link", target });
const bytesOf = (...entries: ManifestEntry[]): Uint8Array => encodeManifest({ format: 1, entries });

function refusal(bytes: Uint8Array, names: "exact" | "folding" = "exact"): unknown {
  try {
    decodeManifest(bytes, { names });
    return null;
  } catch (error) {
    return error;
  }
}

describe("decodeManifest refuses, with the path,", () => {
  it.each<[string, ManifestEntry[], string]>([
    ["an absolute path", [file("/etc/passwd")], "/etc/passwd"],
    ["a path that climbs", [file("a/../../b")], "a/../../b"],
    ["a path that climbs at once", [file("../b")], "../b"],
    ["a dot component", [file("a/./b")], "a/./b"],
    ["an empty path", [file("")], ""],
    ["an empty component", [file("a//b")], "a//b"],
    ["a trailing slash", [file("a/")], "a/"],
    ["a NUL", [file("a\0b")], "a\0b"],
    ["a backslash", [file("..\\b")], "..\\b"],
    ["a lone surrogate", [file("a\ud800")], "a\ud800"],
    ["a path over 1,024 bytes", [file("é/".repeat(400) + "x")], "é/".repeat(400) + "x"],
    ["a component over 255 bytes", [file("x".repeat(256))], "x".repeat(256)],
    ["a duplicate", [file("a"), file("a")], "a"],
    ["wrong order", [file("b"), file("a")], "a"],
    ["a file used as a directory", [file("a"), file("a/b")], "a/b"],
    ["a link used as a directory", [link("a", "c"), file("a/b")], "a/b"],
    ["a directory entry that is not empty", [{ path: "a", kind: "dir" }, file("a/b")], "a/b"],
    ["an absolute link", [link("a", "/etc")], "a"],
    ["a link out of the tree", [link("a/b", "../../c")], "a/b"],
    ["a link out of the tree through a link", [link("a", "b/../x"), link("b", ".")], "a"],
    ["a link loop", [link("a", "b"), link("b", "a")], "a"],
    ["an empty link", [link("a", "")], "a"],
    ["a setuid mode", [{ path: "a", kind: "file", mode: 0o4755, size: 1, sha256 }], "a"],
    ["a negative size", [{ path: "a", kind: "file", mode: 0o644, size: -1, sha256 }], "a"],
    ["a hash that is a path", [{ path: "a", kind: "file", mode: 0o644, size: 1, sha256: "../../x" }], "a"],
  ])("%s", (_what, entries, path) => {
    expect(refusal(bytesOf(...entries))).toMatchObject({ code: "manifest_refused", details: { path } });
  });

  it.each<[string, ManifestEntry[]]>([
    ["case twins", [file("A"), file("a")]],
    ["twins of directories", [file("A/x"), file("a/y")]],
    ["normalisation twins", [file("e\u0301"), file("\u00e9")]],
    ["a stream name", [file("a:b")]],
    ["a trailing dot", [file("a.")]],
  ])("%s, where the target folds names, and only there", (_what, entries) => {
    expect(refusal(bytesOf(...entries), "folding")).toMatchObject({ code: "manifest_refused" });
    expect(refusal(bytesOf(...entries), "exact")).toBeNull();
  });

  it.each<[string, string]>([
    ["no JSON", "{"],
    ["another format", '{"format":2,"entries":[]}'],
    ["no entries", '{"format":1}'],
    ["entries of another type", '{"format":1,"entries":{}}'],
    ["null entries", '{"format":1,"entries":[null]}'],
    ["unknown keys", '{"format":1,"entries":[],"x":1}'],
    ["spaces", '{"format":1, "entries":[]}'],
    ["duplicate keys", '{"format":1,"entries":[{"path":"a","path":"b","kind":"dir"}]}'],
    ["a prototype key", '{"format":1,"entries":[{"__proto__":{},"path":"a","kind":"dir"}]}'],
    [
      "infinite numbers",
      `{"format":1,"entries":[{"path":"a","kind":"file","mode":420,"size":1e309,"sha256":"${sha256}"}]}`,
    ],
    ["a byte order mark", '\ufeff{"format":1,"entries":[]}'],
    ["deep nesting", "[".repeat(20_000)],
  ])("%s", (_what, text) => {
    expect(refusal(Buffer.from(text))).toMatchObject({ code: "manifest_refused" });
  });

  it("bytes that are not UTF-8", () => {
    expect(refusal(Buffer.from([0x7b, 0xff, 0x7d]))).toMatchObject({ code: "manifest_refused" });
  });
});

describe("manifests", () => {
  it("keep relative links inside the tree, also dangling ones and links to the root", () => {
    const entries = [
      link("node_modules/.bin/tool", "../tool/cli.js"),
      link("node_modules/self", "../"),
      file("node_modules/tool/cli.js"),
      link("packages/a/node_modules/b", "../../b/not/there"),
    ];
    expect(decodeManifest(bytesOf(...entries)).entries).toEqual(entries);
  });

  it("survive encoding and decoding, and name the same tree whatever the key order", () => {
    const part = fc.constantFrom("a", "b", "é", "node_modules", ".x", "a b");
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const paths = fc.uniqueArray(path, { maxLength: 12 });
    fc.assert(
      fc.property(paths, (all) => {
        const leaves = all.filter((one) => !all.some((other) => other.startsWith(`${one}/`)));
        const entries = leaves.map(file).toSorted(comparePaths);
        const bytes = encodeManifest({ format: 1, entries });
        expect(decodeManifest(bytes).entries).toEqual(entries);
        const shuffled = entries.map((entry) => Object.fromEntries(Object.entries(entry).toReversed()));
        expect(Buffer.from(encodeManifest({ format: 1, entries: shuffled as ManifestEntry[] }))).toEqual(
          bytes,
        );
      }),
    );
  });

  it("never pass with a path or link that a plain resolver finds outside", () => {
    const part = fc.constantFrom("..", ".", "a", "b", "", "c");
    const target = fc.array(part, { maxLength: 5 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(target, target, target, (one, two, three) => {
        const links = new Map([
          ["a", one],
          ["b", two],
          ["d/e", three],
        ]);
        for (const path of links.keys()) {
          if (linkFault(path, links) === null) expect(escapes(path, links, 0)).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
    expect(pathFault("a/b")).toBeNull();
  });
});

/** The slow, obvious way: resolve a path component by component, recursively. */
function escapes(path: string, links: ReadonlyMap<string, string>, depth: number): boolean {
  return resolve([], path.split("/"), { links, depth }) === "outside";
}

function resolve(
  base: string[],
  parts: string[],
  context: { links: ReadonlyMap<string, string>; depth: number },
): string[] | "outside" {
  let at = base;
  for (const part of parts) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (at.length === 0) return "outside";
      at = at.slice(0, -1);
      continue;
    }
    const target = context.links.get([...at, part].join("/"));
    if (target === undefined) {
      at = [...at, part];
      continue;
    }
    if (context.depth > 45) return "outside";
    const next = resolve(at, target.split("/"), { ...context, depth: context.depth + 1 });
    if (next === "outside") return next;
    at = next;
  }
  return at;
}
