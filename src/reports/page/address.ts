/** What the page shows stands in its address, after the `#`: `#?q=…&sort=…`, or `#test-…` for one case. */
import type { Order } from "./rows.ts";

export interface View {
  query: string;
  order: Order;
}

export type Address = { kind: "list"; view: View } | { kind: "case"; anchor: string };

export function readAddress(hash: string): Address {
  const rest = hash.replace(/^#/, "");
  if (/^(test|case)-/.test(rest)) return { kind: "case", anchor: rest };
  const given = new URLSearchParams(rest.startsWith("?") ? rest.slice(1) : "");
  const sort = given.get("sort");
  const order = sort === "time" || sort === "name" ? sort : "";
  return { kind: "list", view: { query: given.get("q") ?? "", order } };
}

export function writeAddress({ query, order }: View): string {
  const given = new URLSearchParams();
  if (query !== "") given.set("q", query);
  if (order !== "") given.set("sort", order);
  return given.size === 0 ? "#" : `#?${given.toString()}`;
}
