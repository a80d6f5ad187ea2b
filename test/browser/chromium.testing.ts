/** A Chromium of this machine; where there is none, the tests that need it say so. */
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const chromiumPath = PATHS.find((path) => existsSync(path));

export function openBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error("no Chromium here: scripts/install-test-deps.sh");
  // As root, which test machines often are, Chromium has no sandbox.
  return chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
}
