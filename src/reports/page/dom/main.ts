/** The page's own program: search, order, links to cases, keys, light and dark. */
import type { PageData } from "../../html/page-data.ts";
import { readAddress, writeAddress, type View } from "../address.ts";
import { byId } from "./element.ts";
import { ListView } from "./list-view.ts";
import { matcherOf } from "../query.ts";
import { Rows, type Order } from "../rows.ts";

const rows = new Rows(JSON.parse(byId("data", HTMLScriptElement).textContent ?? "") as PageData);
const list = new ListView(rows);
const search = byId("q", HTMLInputElement);
const sort = byId("sort", HTMLSelectElement);
const matches = byId("matches", HTMLElement);

function show({ query, order }: View, wanted: number | null): void {
  if (search.value !== query) search.value = query;
  sort.value = order;
  const found = rows.find(matcherOf(query), order);
  list.show(found, wanted);
  const number = (n: number): string => n.toLocaleString("en");
  matches.replaceChildren(
    query === "" ? `${number(rows.count)} cases` : `${number(found.length)} of ${number(rows.count)} match `,
  );
  if (query !== "") matches.append(clearLink());
}

function clearLink(): HTMLAnchorElement {
  const link = document.createElement("a");
  link.href = writeAddress({ query: "", order: sort.value as Order });
  link.textContent = "clear";
  return link;
}

/** From the address: at the start, by a link, by going back. */
function follow(): void {
  const address = readAddress(location.hash);
  if (address.kind === "list") return show(address.view, null);
  const number = rows.byAnchor(address.anchor);
  show({ query: "", order: "" }, number < 0 ? null : number);
  if (number >= 0) reveal(document.getElementById(rows.row(number).anchor));
}

function reveal(found: HTMLElement | null): void {
  if (!(found instanceof HTMLDetailsElement)) return;
  found.open = true;
  found.classList.add("wanted");
  found.scrollIntoView({ block: "start" });
  found.querySelector("summary")?.focus();
}

/** Typing replaces the address, so that going back leaves the page and not one letter. */
function typed(): void {
  const view = { query: search.value, order: sort.value as Order };
  history.replaceState(null, "", writeAddress(view));
  show(view, null);
}

function step(by: 1 | -1): void {
  const all = [...document.querySelectorAll<HTMLElement>("details.case > summary")];
  const at = all.findIndex((each) => each === document.activeElement);
  const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function pressed(event: KeyboardEvent): void {
  const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === search) {
    search.value = "";
    return typed();
  }
  if (isTyping) return;
  if (event.key === "/") {
    event.preventDefault();
    search.focus();
  } else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
}

const root = document.documentElement;
const theme = byId("theme", HTMLButtonElement);
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function isDark(): boolean {
  return root.dataset["theme"] === undefined ? prefersDark.matches : root.dataset["theme"] === "dark";
}

/** The button is named after what it does. */
function nameTheme(): void {
  theme.textContent = isDark() ? "Light" : "Dark";
}

theme.addEventListener("click", () => {
  root.dataset["theme"] = isDark() ? "light" : "dark";
  nameTheme();
});
prefersDark.addEventListener("change", nameTheme);
theme.hidden = false;
nameTheme();

/** On paper nobody can open anything. */
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll<HTMLDetailsElement>("#failures details.case"))
    each.open = true;
});
addEventListener("hashchange", follow);
addEventListener("keydown", pressed);
search.addEventListener("input", typed);
sort.addEventListener("change", typed);
follow();
