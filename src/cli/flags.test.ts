import { expect, it } from "vitest";
import { addresses, environment, keyValue, portNumber, secondsToMs, sizeInBytes, words } from "./flags.ts";

it.each([
  ["--verbose --batch-size 4", ["--verbose", "--batch-size", "4"]],
  ["-k \"a b\" 'c d' e\\ f", ["-k", "a b", "c d", "e f"]],
  ['--name="x y"', ["--name=x y"]],
  ['"say \\"hi\\""', ['say "hi"']],
  ["", []],
])("parts %s into words", (text, expected) => expect(words(text)).toEqual(expected));

it.each([
  [words, '"open'],
  [portNumber, "65536"],
  [portNumber, "http"],
  [secondsToMs, "0"],
  [secondsToMs, "1e999"],
  [sizeInBytes, "much"],
  [addresses, "localhost:8080"],
])("refuses what it cannot read (%#)", (parse, text) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: "commander.invalidArgument" }));
});

it("reads sizes, seconds, labels and addresses", () => {
  expect(sizeInBytes("1.5G")).toBe(1.5 * 1024 ** 3);
  expect(secondsToMs("0.25")).toBe(250);
  expect(keyValue("a=b=c", { x: "1" })).toEqual({ x: "1", a: "b=c" });
  expect(addresses("http://a:1, ws://b:2/ws")).toEqual(["http://a:1", "ws://b:2/ws"]);
});

it("takes a variable from here when only its name is given", () => {
  process.env["TESTYARD_TEST_VALUE"] = "here";
  expect(environment("TESTYARD_TEST_VALUE", undefined)).toEqual({ TESTYARD_TEST_VALUE: "here" });
  delete process.env["TESTYARD_TEST_VALUE"];
  expect(() => environment("TESTYARD_TEST_VALUE", undefined)).toThrow("is not set here");
});
