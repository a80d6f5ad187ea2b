/** The page of the tables against the tables. `npx vitest run src/results/describe.test.ts -u` writes it. */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeSchema, schemaMarkdown } from "./describe.ts";
import { TABLE_NAMES } from "./schema.ts";

const PAGE = fileURLToPath(new URL("../../docs/reference/schema.md", import.meta.url));

it("is what docs/reference/schema.md says", async () => {
  await expect(await schemaMarkdown()).toMatchFileSnapshot(PAGE);
});

it("names every table and says of each what it is for", async () => {
  const tables = await describeSchema();
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(TABLE_NAMES));
  for (const { name, comment, columns } of tables) {
    expect(comment, name).toBeTruthy();
    expect(columns.length, name).toBeGreaterThan(1);
  }
});
