import { expect, it } from "vitest";
import { matrixAxis } from "../flags.ts";
import { timesMatrix } from "./tasks.ts";

const plan = {
  input: { type: "test" as const, name: "pytest a", config: { adapter: "pytest", inputs: "hash" } },
  book: { name: "pytest a", framework: "pytest", suite: ".", estimateMs: null },
};

it("runs each task once for each combination, under a name of its own", () => {
  const plans = timesMatrix({ browser: ["chromium", "firefox"], size: ["1"] })(plan);
  expect(plans.map(({ book }) => book.name)).toEqual([
    "pytest a [browser=chromium, size=1]",
    "pytest a [browser=firefox, size=1]",
  ]);
  expect(plans[1]?.input).toMatchObject({
    requirements: { browsers: ["firefox"] },
    env: { TESTYARD_MATRIX_BROWSER: "firefox", TESTYARD_MATRIX_SIZE: "1" },
  });
  expect(plans[0]?.input.config).not.toHaveProperty("inputs");
});

it("reads an axis with its values, several axes one after the other", () => {
  const first = matrixAxis("browser=chromium, firefox", undefined);
  expect(matrixAxis("url=a=b", first)).toEqual({ browser: ["chromium", "firefox"], url: ["a=b"] });
  for (const bad of ["browser", "=x", "browser=", "browser=a,,b"]) {
    expect(() => matrixAxis(bad, undefined), bad).toThrow("AXIS=VALUE");
  }
});
