import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { receipt } from "../src/receipt.js";

describe("receipt", () => {
  it("adds up", () => {
    const text = receipt([
      { name: "apple", cents: 50 },
      { name: "bread", cents: 275 },
    ]);
    assert.match(text, /TOTAL\s+3\.25$/);
  });

  it("gives every line the same width", () => {
    const text = receipt([{ name: "a name that is far too long for it", cents: 1 }], { width: 20 });
    assert.deepEqual(
      text.split("\n").map((line) => line.length),
      [20, 20],
    );
  });

  it("prints an empty receipt", () => assert.match(receipt([]), /^TOTAL\s+0\.00$/));

  it.todo("prints the tax");
});
