/**
 * Runtimes and browsers that are really there: each is started once. A name in PATH proves little; version
 * managers and distributions install stubs that only say what to install.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { RunProcess } from "../../adapters/index.ts";
import { answerOf } from "./host.ts";

const RUNTIME_MS = 5000;
const BROWSER_MS = 15_000;
/** Starting everything at once would make a small machine too slow for the time limit. */
const AT_ONCE = 6;
const VERSION_CHARS = 128;

const RUNTIMES: readonly (readonly [name: string, ...argv: string[]])[] = [
  ["node", "node", "--version"],
  ["npm", "npm", "--version"],
  ["deno", "deno", "--version"],
  ["bun", "bun", "--version"],
  ["python3", "python3", "--version"],
  ["python", "python", "--version"],
  ["go", "go", "version"],
  ["cargo", "cargo", "--version"],
  ["rustc", "rustc", "--version"],
  ["java", "java", "-version"],
  ["ruby", "ruby", "--version"],
  ["php", "php", "--version"],
  ["perl", "perl", "--version"],
  ["dotnet", "dotnet", "--version"],
  ["gcc", "gcc", "--version"],
  ["clang", "clang", "--version"],
  ["make", "make", "--version"],
  ["cmake", "cmake", "--version"],
  ["docker", "docker", "--version"],
  ["k6", "k6", "version"],
  ["hyperfine", "hyperfine", "--version"],
];

export async function detectRuntimes(run: RunProcess): Promise<Record<string, string>> {
  const found = await inTurns(
    RUNTIMES,
    async ([name, ...argv]) => [name, await versionOf(run, argv, RUNTIME_MS)] as const,
  );
  return present(found);
}

export interface BrowserPlace {
  name: string;
  path: string;
}

const MAC_APPS = "/Applications";

/** Names and paths under which browsers are installed, the most usual first. */
const BROWSERS: readonly BrowserPlace[] = [
  { name: "chromium", path: "chromium" },
  { name: "chromium", path: "chromium-browser" },
  { name: "chromium", path: `${MAC_APPS}/Chromium.app/Contents/MacOS/Chromium` },
  { name: "chrome", path: "google-chrome" },
  { name: "chrome", path: "google-chrome-stable" },
  { name: "chrome", path: `${MAC_APPS}/Google Chrome.app/Contents/MacOS/Google Chrome` },
  { name: "firefox", path: "firefox" },
  { name: "firefox", path: "firefox-esr" },
  { name: "firefox", path: `${MAC_APPS}/Firefox.app/Contents/MacOS/firefox` },
  { name: "edge", path: "microsoft-edge" },
  { name: "edge", path: "microsoft-edge-stable" },
  { name: "edge", path: `${MAC_APPS}/Microsoft Edge.app/Contents/MacOS/Microsoft Edge` },
];

/** @param more browsers in other places, asked after the usual ones */
export async function detectBrowsers(
  run: RunProcess,
  more: readonly BrowserPlace[] = [],
): Promise<Record<string, string>> {
  const found = await inTurns([...BROWSERS, ...more], async ({ name, path }) => {
    const argv = [
      path,
      "--headless",
      ...(isRootOnLinux() && isChromium(name) ? ["--no-sandbox"] : []),
      "--version",
    ];
    return [name, await versionOf(run, argv, BROWSER_MS)] as const;
  });
  return present(found);
}

function isChromium(name: string): boolean {
  return name !== "firefox" && name !== "webkit";
}

function isRootOnLinux(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0;
}

const PLAYWRIGHT_PROGRAMS: readonly [pattern: RegExp, name: string, programs: string[]][] = [
  [/^chromium-\d+$/, "chromium", ["chrome-linux/chrome", "chrome-mac/Chromium.app/Contents/MacOS/Chromium"]],
  [/^firefox-\d+$/, "firefox", ["firefox/firefox", "firefox/Nightly.app/Contents/MacOS/firefox"]],
  [/^webkit-\d+$/, "webkit", ["pw_run.sh"]],
];

/** Browsers that Playwright has installed for itself, the newest first. */
export function playwrightBrowsers(folder: string): BrowserPlace[] {
  const names = readFolder(folder).sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  return names.flatMap((entry) => {
    const kind = PLAYWRIGHT_PROGRAMS.find(([pattern]) => pattern.test(entry));
    return (kind?.[2] ?? []).map((program) => ({
      name: kind?.[1] ?? "",
      path: join(folder, entry, program),
    }));
  });
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function versionOf(run: RunProcess, argv: string[], timeoutMs: number): Promise<string | null> {
  const answer = await answerOf(run, argv, timeoutMs);
  return answer === null ? null : parseVersion(answer);
}

/**
 * The first thing in the text that looks like a version: `Python 3.11.2`, `go1.22.3`, `openjdk version
 * "17.0.1"`.
 */
export function parseVersion(text: string): string | null {
  const version = /\d+(?:\.\d+)+(?:[-+._]?[0-9A-Za-z]+)*/.exec(text)?.[0];
  return version?.slice(0, VERSION_CHARS) ?? null;
}

/** Of several with one name the first that answered counts. */
function present(found: readonly (readonly [string, string | null])[]): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const [name, version] of found) if (version !== null) versions[name] ??= version;
  return versions;
}

async function inTurns<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await action(items[at] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
