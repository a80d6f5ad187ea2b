import { expect, it } from "vitest";
import { Home } from "../e2e/program.testing.ts";
import { noChromium, openBrowser } from "./chromium.testing.ts";

it("shows the API's description to people, with nothing loaded from elsewhere", async (context) => {
  if (noChromium !== null) return context.skip(noChromium);
  const home = new Home();
  const { url } = await home.coordinator();
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 1400 } });
    const foreign: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith("data:")) foreign.push(request.url());
    });
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`${url}/docs`);
    await page.getByText("Submits many tasks at once").click();
    await page.getByText("BulkInput", { exact: false }).first().waitFor();
    const shot = process.env["TESTYARD_SCREENSHOT"];
    if (shot !== undefined) await page.screenshot({ path: shot });
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
    await home.remove();
  }
}, 60_000);
