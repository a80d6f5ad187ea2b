/** The page as a browser shows it, from a file and without a network. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { buildReport } from "../build.ts";
import type { RunReport } from "../model.ts";
import { aCase, anAttempt, aRun, aTask, HOSTILE, hostileReport, manyCases } from "../reports.testing.ts";
import { usualReport } from "../reports.testing.ts";
import { oneLine } from "../text.ts";
import { htmlOf } from "./html.testing.ts";

vi.setConfig({ testTimeout: 60_000 });

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const hasBrowser = existsSync(CHROMIUM);

let browser: Browser;
let folder: string;
const pages: Page[] = [];
/** What a page must never do: complain, or ask for anything but itself. */
const complaints: string[] = [];

describe("in a browser", () => {
  beforeAll(async () => {
    if (!hasBrowser) return;
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM, args });
    folder = await mkdtemp(join(tmpdir(), "testyard-html-"));
  });
  afterAll(async () => {
    if (!hasBrowser) return;
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach((context) => {
    if (!hasBrowser) context.skip("needs Chromium: apt-get install chromium");
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  async function open(report: RunReport, options: BrowserContextOptions & { hash?: string } = {}) {
    const { hash = "", ...context } = options;
    const path = join(folder, `report-${pages.length}.html`);
    await writeFile(path, await htmlOf(report));
    const page = await browser.newPage(context);
    pages.push(page);
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => complaints.push(`dialog ${dialog.message()}`));
    const address = pathToFileURL(path).href;
    page.on("request", (request) => {
      if (request.url().split("#")[0] !== address) complaints.push(`request ${request.url()}`);
    });
    await page.goto(address + hash);
    return page;
  }

  /** What is inside of a case is made when it is opened. */
  const openAll = (page: Page) =>
    page.evaluate(`for (const each of document.querySelectorAll("details")) each.open = true;
      new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`);
  const titles = (page: Page) => page.locator("details.case .name").allTextContents();

  it("shows failures first, by their cause, and all attempts with machine, log and artifacts", async () => {
    const page = await open(usualReport());
    expect((await titles(page)).slice(0, 4)).toEqual(["sums", "multiplies", "./deploy --dry-run", "(file)"]);
    await page.locator("details.case summary").first().click();
    const body = page.locator("details.case .body").first();
    const text = (await body.innerText()).replace(/\s+/g, " ");
    for (const part of ["expected 3 to equal 4", "Quiet CPU 2.0", "w2", "shots/cart.png"])
      expect(text).toContain(part);
    expect(text).not.toContain("testyard logs");
    await body.getByText("End of the log of attempt 1").click();
    expect(await body.innerText()).toContain("AssertionError: expected 3 to equal 4");
  });

  it("says how to ask for a whole log where the coordinator goes on", async () => {
    const report = usualReport();
    const page = await open({ ...report, run: { ...report.run, url: "http://127.0.0.1:8080" } });
    await page.locator("details.case summary").first().click();
    const text = await page.locator("details.case .body").first().innerText();
    expect(text).toContain("testyard logs T1 --attempt 1 --coordinator http://127.0.0.1:8080");
  });

  it("keeps the search in its address, and finds what the address asks for", async () => {
    const page = await open(usualReport(), { hash: "#?q=s:passed%20-f:web&sort=time" });
    expect(await titles(page)).toEqual(["make check", "adds", "retries"]);
    await page.keyboard.press("/");
    await page.keyboard.type("x");
    await page.locator("#q").fill("s:flaky");
    expect(await titles(page)).toEqual(["retries"]);
    expect(new URL(page.url()).hash).toBe("#?q=s%3Aflaky&sort=time");
    expect(await page.locator("#matches").innerText()).toBe("1 of 9 match clear");
    await page.getByText("clear").click();
    expect(await titles(page)).toHaveLength(9);
    await page.locator(".tile.skipped").click();
    expect(await titles(page)).toEqual(["needs a GPU"]);
  });

  it("opens the case that a link names, however far down it stands", async () => {
    const report = buildReport(manyCases(3_000));
    const wanted = report.cases[2_907];
    const page = await open(report, { hash: `#test-${wanted?.test_id ?? ""}` });
    const found = page.locator("details.case[open]");
    expect(await found.count()).toBe(1);
    expect(await found.innerText()).toContain("test_number_2907");
  });

  it("is worked by keyboard alone", async () => {
    const page = await open(usualReport());
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    expect(await page.locator("details.case[open] .name").allTextContents()).toEqual(["sums"]);
    await page.locator("#theme").focus();
    await page.keyboard.press("Enter");
    expect(await page.evaluate("getComputedStyle(document.body).colorScheme")).toBe("dark");
  });

  it.each(HOSTILE)("shows %j as text", async (text) => {
    const page = await open(hostileReport());
    expect(await page.title()).not.toBe("title");
    expect(await page.locator("img, iframe, a[href^=javascript]").count()).toBe(0);
    const plain = oneLine(text).slice(0, 200);
    const all = await titles(page);
    expect(all.some((it) => it.startsWith(plain) || plain === "")).toBe(true);
  });

  it.each(["light", "dark"] as const)(
    "has nothing that axe-core complains about, %s",
    async (colorScheme) => {
      const page = await open(usualReport(), { colorScheme, bypassCSP: true });
      for (let level = 0; level < 3; level++) await openAll(page);
      await page.addScriptTag({ content: await readFile(AXE, "utf8") });
      const found = await page.evaluate("axe.run().then(({ violations }) => violations)");
      const said = (found as { id: string; nodes: { html: string }[] }[]).map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`,
      );
      expect(said).toEqual([]);
    },
  );

  it.each(["usual", "hostile"])("fits a screen of 360 pixels (%s run)", async (which) => {
    const report = which === "usual" ? usualReport() : hostileReport();
    const page = await open(report, { viewport: { width: 360, height: 740 } });
    await page.locator("details.case summary").first().click();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
  });

  it("prints its failures opened", async () => {
    const page = await open(usualReport());
    await page.emulateMedia({ media: "print" });
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await page.locator("#failures details.case:not([open])").count()).toBe(0);
    expect(await page.locator("#q").isVisible()).toBe(false);
  });

  it("answers a search among 100,000 cases within two seconds", async () => {
    const page = await open(buildReport(manyCases(100_000)));
    const began = performance.now();
    await page.locator("#q").fill("number_99999 -s:failed");
    await page.getByText("1 of 100,000 match").waitFor();
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(await titles(page)).toEqual(["test_number_99999"]);
  });
});

it("stays below a megabyte for a thousand cases that all fail at length", async () => {
  const long = (i: number) => `line of failure ${i}\n`.repeat(500);
  const cases = Array.from({ length: 1_000 }, (_, i) =>
    aCase(`a test with a name of usual length, number ${i}`, "failed", {
      test_id: i.toString(16).padStart(16, "0").padEnd(64, "0"),
      message: `word${i % 40} is not what was expected`,
      detail: long(i),
      stdout: long(i),
      stderr: long(i),
    }),
  );
  const tasks = Array.from({ length: 200 }, (_, i) =>
    aTask({
      state: "failed",
      attempts: [
        anAttempt({
          outcome: "failed",
          cases: cases.slice(i * 5, i * 5 + 5),
          log_tail: long(i).slice(-4_096),
        }),
      ],
    }),
  );
  const html = await htmlOf(buildReport(aRun(tasks)));
  expect(Buffer.byteLength(html)).toBeLessThan(1_000_000);
  expect(html).toContain("characters before this stand in report.json only");
  expect(html).toContain('"left_out":');
});

it("has a policy that allows its own script and style and nothing else", async () => {
  const html = await htmlOf(usualReport());
  const [, policy = ""] = /Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
  expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+'; base-uri/);
  expect(html.replace(/xmlns(:xlink)?="[^"]*"/g, "")).not.toMatch(/https?:|src=|@import|url\(/);
});

it("leaves the objects of this process alone, whatever a worker is called", async () => {
  await htmlOf(hostileReport());
  const names: string[] = [];
  // oxlint-disable-next-line guard-for-in
  for (const name in {}) names.push(name);
  expect(names).toEqual([]);
});
