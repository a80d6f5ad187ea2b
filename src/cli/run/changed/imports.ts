/**
 * Who imports whom, read from the text of JavaScript, TypeScript and Python files.
 *
 * The answer may name too many files and must not name too few, because a test that is left out is not
 * missed. So a name that could mean several files means all of them, a file whose imports cannot be followed
 * (an alias such as "@/x", a computed path) reaches everything, and a Python file also depends on the
 * `conftest.py` and `__init__.py` above it, which nobody imports by name. A parser for each language would be
 * more exact about strings and comments; an import in a comment costs a test too many and nothing else.
 */
import { builtinModules } from "node:module";
import { posix } from "node:path";

export type ReadText = (path: string) => Promise<string>;

/** What one file needs: those files, or perhaps anything. */
type Needs = ReadonlySet<string> | "anything";

const SCRIPT = /\.(?:[cm]?[jt]s|[jt]sx|vue|svelte)$/;
const SPECIFIER = /(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*(["'`])([^"'`\n]+)\1/g;
const COMPUTED = /\b(?:require|import)\s*\(\s*(?:[^"'`\s)]|`[^`]*\$\{)/;
const SCRIPT_ENDINGS = [
  ".ts",
  ".tsx",
  ".mts",
  ".cts",
  ".js",
  ".jsx",
  ".mjs",
  ".cjs",
  ".json",
  ".vue",
  ".svelte",
];
const COMPUTED_PYTHON = /\bimport_module\s*\(|\b__import__\s*\(/;
const PYTHON_IMPORT =
  /^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+([^#\n]*(?:\([^)]*\))?)|import[ \t]+([^#\n]+))/gm;

/** Whether the imports of such a file can be read at all. */
export function isReadable(path: string): boolean {
  return SCRIPT.test(path) || path.endsWith(".py");
}

export interface Tree {
  /** Relative to the workspace, POSIX, without those of installed packages. */
  files: readonly string[];
  read: ReadText;
  /** Packages that the workspace itself consists of: name to folder. */
  packages: ReadonlyMap<string, string>;
  /** Names of installed packages: what changes in them changes a lock file. */
  installed: ReadonlySet<string>;
}

export class ImportGraph {
  readonly #files: ReadonlySet<string>;
  readonly #read: ReadText;
  readonly #needs = new Map<string, Promise<Needs>>();
  /** `b.py` and `a/b.py` of `x/a/b.py`, by every tail. */
  readonly #byTail = new Map<string, string[]>();
  readonly #packages: ReadonlyMap<string, string>;
  readonly #installed: ReadonlySet<string>;

  constructor({ files, read, packages, installed }: Tree) {
    this.#files = new Set(files);
    this.#read = read;
    this.#packages = packages;
    this.#installed = installed;
    for (const path of files) if (path.endsWith(".py")) this.#addTails(path);
  }

  #addTails(path: string): void {
    const parts = path.split("/");
    for (let from = 0; from < parts.length; from += 1) {
      const tail = parts.slice(from).join("/");
      const known = this.#byTail.get(tail);
      if (known === undefined) this.#byTail.set(tail, [path]);
      else known.push(path);
    }
  }

  /** The files out of `wanted` that `start` depends on, directly or not. */
  async reaches(start: string, wanted: ReadonlySet<string>): Promise<Set<string>> {
    const seen = new Set([start]);
    const found = new Set<string>();
    for (const path of seen) {
      if (wanted.has(path)) found.add(path);
      const needs = await this.#needsOf(path);
      if (needs === "anything") return new Set(wanted);
      for (const next of needs) seen.add(next);
    }
    return found;
  }

  #needsOf(path: string): Promise<Needs> {
    let needs = this.#needs.get(path);
    if (needs === undefined) {
      needs = this.#load(path);
      this.#needs.set(path, needs);
    }
    return needs;
  }

  async #load(path: string): Promise<Needs> {
    if (!isReadable(path)) return new Set();
    // A deleted file has no text; that it is gone its importers will say.
    const text = await this.#read(path).catch(() => "");
    return path.endsWith(".py") ? this.#python(path, text) : this.#script(path, text);
  }

  #script(path: string, text: string): Needs {
    if (COMPUTED.test(text)) return "anything";
    const needs = new Set<string>();
    for (const [, , specifier = ""] of text.matchAll(SPECIFIER)) {
      if (specifier.startsWith(".")) this.#addScript(needs, posix.join(posix.dirname(path), specifier));
      else if (!this.#addPackage(needs, specifier)) return "anything";
    }
    return needs;
  }

  /** `./x.js` may be written for `x.ts`, `./x` for `x.ts` or `x/index.ts`. */
  #addScript(needs: Set<string>, target: string): void {
    const bare = target.replace(/\.[cm]?jsx?$/, "");
    const stems = new Set([target, bare, `${target}/index`]);
    for (const stem of stems) {
      for (const ending of ["", ...SCRIPT_ENDINGS]) {
        if (this.#files.has(stem + ending)) needs.add(stem + ending);
      }
    }
    // Deleted or made by a build: whoever asks for it is touched when it changes.
    if (![...stems].some((stem) => ["", ...SCRIPT_ENDINGS].some((end) => needs.has(stem + end)))) {
      for (const ending of ["", ...SCRIPT_ENDINGS]) needs.add(bare + ending);
    }
  }

  /** @returns false for what is no package that we know: an alias, or one that is found in other ways */
  #addPackage(needs: Set<string>, specifier: string): boolean {
    const name = specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/");
    const folder = this.#packages.get(name);
    if (folder === undefined) {
      return name.includes(":") || builtinModules.includes(name) || this.#installed.has(name);
    }
    // Of a package of the workspace any file may be meant.
    for (const path of this.#files) if (folder === "." || path.startsWith(`${folder}/`)) needs.add(path);
    return true;
  }

  #python(path: string, text: string): Needs {
    if (COMPUTED_PYTHON.test(text)) return "anything";
    const needs = new Set<string>(this.#implied(path));
    for (const [, from, names = "", plain = ""] of text.matchAll(PYTHON_IMPORT)) {
      if (from === undefined) {
        for (const name of plain.split(",")) this.#addModule(needs, path, name.trim().split(/\s/)[0] ?? "");
        continue;
      }
      this.#addModule(needs, path, from);
      for (const name of names.replace(/[()\\]/g, " ").split(",")) {
        const [word = ""] = name.trim().split(/\s/);
        if (/^\w+$/.test(word))
          this.#addModule(needs, path, from.endsWith(".") ? from + word : `${from}.${word}`);
      }
    }
    return needs;
  }

  #implied(path: string): string[] {
    const found: string[] = [];
    for (let folder = posix.dirname(path); ; folder = posix.dirname(folder)) {
      for (const name of ["conftest.py", "__init__.py"]) found.push(posix.join(folder, name));
      if (folder === ".") return found.filter((each) => each !== path);
    }
  }

  #addModule(needs: Set<string>, path: string, module: string): void {
    const [dots = ""] = /^\.*/.exec(module) ?? [];
    const place = module.slice(dots.length).replaceAll(".", "/");
    const up = "../".repeat(Math.max(0, dots.length - 1));
    for (const tail of [`${place}.py`, `${place}/__init__.py`]) {
      if (dots === "") for (const found of this.#byTail.get(tail) ?? []) needs.add(found);
      else needs.add(posix.normalize(posix.join(posix.dirname(path), up, tail)));
    }
  }
}
