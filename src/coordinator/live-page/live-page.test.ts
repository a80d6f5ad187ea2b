import { fastify } from "fastify";
import { expect, it } from "vitest";
import { registerLivePage } from "./index.ts";

const app = fastify();
registerLivePage(app);

it("serves one page whose parts all come from here", async () => {
  const page = await app.inject("/");
  expect(page.headers["content-type"]).toContain("text/html");
  const parts = [...page.body.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] ?? "");
  expect(parts.length).toBe(2);
  for (const part of parts) expect((await app.inject(part)).statusCode).toBe(200);
  expect(page.body).not.toMatch(/https?:\/\//);
});

it("allows no script but its own, and holds none in the page", async () => {
  const page = await app.inject("/");
  expect(page.headers["content-security-policy"]).toContain("script-src 'self';");
  expect(page.body.replace(/<script type="module" src="[^"]+"><\/script>/, "")).not.toMatch(
    /<script|\son\w+=|style=/,
  );
});

it("writes what tests are called and print as text only", async () => {
  expect((await app.inject("/live/app.js")).body).not.toMatch(
    /innerHTML|outerHTML|insertAdjacent|document\.write|eval\(/,
  );
});
