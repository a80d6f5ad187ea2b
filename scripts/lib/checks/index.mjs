// The parts of `npm run check`. Adding one is adding a line; `run` resolves to { ok, output, note? }.
import { vitest } from "../vitest.mjs";
import { layering } from "./layering.mjs";
import { purity } from "./purity.mjs";
import { tidy } from "./tidy.mjs";
import { deadCode, format, lint, types } from "./tools.mjs";

export const CHECKS = [
  { name: "types", run: types },
  { name: "lint", run: lint },
  { name: "format", run: format },
  { name: "layering", run: layering },
  { name: "purity", run: purity },
  { name: "tidy", run: tidy },
  { name: "dead code", run: deadCode },
  { name: "unit", run: unit, alone: true },
];

async function unit() {
  const { passed, failed, skips, output } = await vitest("src", { exclude: ["**/*.slow.test.ts"] });
  const note = `${passed} passed, ${failed} failed, ${skips.length} skipped`;
  return { ok: failed === 0, output, note };
}
