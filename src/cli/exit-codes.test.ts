import { expect, it } from "vitest";
import { EXIT, EXIT_CODES, exitCodesText, exitOf } from "./exit-codes.ts";

it("explains every code, and none that does not exist", () => {
  expect(EXIT_CODES.map(({ code }) => code)).toEqual(Object.values(EXIT).sort((a, b) => a - b));
  for (const code of Object.values(EXIT)) expect(exitCodesText()).toMatch(new RegExp(`^ *${code}  `, "m"));
});

it("lets the worst of several count, in whatever order they come", () => {
  const worstFirst = [130, 4, 3, 2, 5, 7, 1, 0] as const;
  for (const [at, worst] of worstFirst.entries()) {
    const those = worstFirst.slice(at);
    expect(exitOf(those)).toBe(worst);
    expect(exitOf(those.toReversed())).toBe(worst);
  }
  expect(exitOf([])).toBe(0);
});
