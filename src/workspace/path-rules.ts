/**
 * Which paths and links may stand in a manifest. The scanner asks so as to leave a file out, the decoder so
 * as to refuse the whole manifest: a path that the one lets through and the other does not would be a scan
 * that never runs.
 */

const MAX_PATH_BYTES = 1024;
const MAX_LINK_HOPS = 40;

/**
 * How the target file system tells names apart: `folding` where `A` and `a`, or two spellings of `é`, are
 * one.
 */
export type NameRules = "exact" | "folding";

/** Why the path is unusable, or null. */
export function pathFault(path: string): string | null {
  if (path === "") return "empty path";
  if (path.includes("\0")) return "NUL in path";
  if (path.includes("\\")) return "backslash in path";
  if (/\p{Surrogate}/u.test(path)) return "path is not valid Unicode";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `path longer than ${MAX_PATH_BYTES} bytes`;
  if (path.startsWith("/")) return "absolute path";
  for (const part of path.split("/")) {
    if (part === "") return "empty path component";
    if (part === "." || part === "..") return `"${part}" in path`;
    if (Buffer.byteLength(part) > 255) return "path component longer than 255 bytes";
  }
  return null;
}

/** What would be wrong on a file system of Windows kind, where names fold. */
export function foldingFault(path: string): string | null {
  for (const part of path.split("/")) {
    if (/[<>:"|?*\u0000-\u001f]/.test(part)) return "character that the target cannot store";
    if (/[. ]$/.test(part)) return "component ends in a dot or space";
  }
  return null;
}

/** Why the target text alone is unusable, or null. */
export function targetFault(target: string): string | null {
  if (target === "") return "empty link target";
  if (target.includes("\0")) return "NUL in link target";
  if (target.includes("\\")) return "backslash in link target";
  if (/\p{Surrogate}/u.test(target)) return "link target is not valid Unicode";
  if (Buffer.byteLength(target) > 4095) return "link target longer than 4,095 bytes";
  if (target.startsWith("/")) return "absolute link target";
  return null;
}

/**
 * Follows a link as the kernel would, through the other links of the tree: `a → b/../x` looks harmless as
 * text and leaves the tree when `b` is itself a link to the root. Names that do not exist are taken as plain
 * ones.
 */
export function linkFault(path: string, links: ReadonlyMap<string, string>): string | null {
  const pending = path.split("/").toReversed();
  const at: string[] = [];
  let hops = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (at.pop() === undefined) return "link leads out of the tree";
      continue;
    }
    const target = links.get([...at, part].join("/"));
    if (target === undefined) {
      at.push(part);
      continue;
    }
    hops += 1;
    if (hops > MAX_LINK_HOPS) return "links form a loop or a chain of more than 40";
    if (target.startsWith("/")) return "link leads to an absolute path";
    pending.push(...target.split("/").toReversed());
  }
  return null;
}

/** One spelling for all names that a folding file system takes for the same. */
export function folded(path: string): string {
  // Upper then lower: some letters (ß, ı) only meet after both.
  return path.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}
