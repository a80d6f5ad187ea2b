/** A Chromium of this machine; where there is none, the tests that need it say so. */
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const chromiumPath = PATHS.find((path) => existsSync(path));

/** Why a test cannot run here, or null. On CI everything can be installed, so there it fails instead. */
export const noChromium =
  chromiumPath === undefined && process.env["CI"] !== "true"
    ? "no Chromium here: scripts/install-test-deps.sh installs one"
    : null;

export function openBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error("no Chromium here: scripts/install-test-deps.sh");
  // As root, which test machines often are, Chromium has no sandbox.
  return chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
}
