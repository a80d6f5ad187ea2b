import { describe, expect, test } from "vitest";
import { Cart } from "../src/cart.ts";

const apple = { name: "apple", cents: 50 };
const bread = { name: "bread", cents: 275 };

describe("cart", () => {
  test("starts empty", () => {
    expect(new Cart().total()).toBe(0);
  });

  test("adds up", () => {
    const cart = new Cart();
    cart.add(apple, 3);
    cart.add(bread);
    expect(cart.total()).toBe(425);
  });

  test("the same article twice is one line", () => {
    const cart = new Cart();
    cart.add(apple);
    cart.add(apple);
    expect(cart.lines).toBe(1);
  });

  test.skip("remembers its content after a reload", () => {
    expect.unreachable("needs a browser");
  });
});
