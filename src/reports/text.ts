/**
 * Text of tests made harmless for terminals, XML and JSON. What a test prints may hold colours, bells, half a
 * surrogate pair, or a sequence that retitles the window; XML 1.0 has no way to write most of these at all,
 * so they are dropped rather than escaped.
 */
const ESCAPE_SEQUENCES = new RegExp(
  [
    String.raw`\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)`, // OSC: titles, links
    String.raw`[\u001b\u009b]\[?[0-?]*[ -/]*[@-~]`, // CSI: colours, cursor
  ].join("|"),
  "g",
);
/** The complement of what XML 1.0 calls Char; with the u flag a lone surrogate is in it, a pair is not. */
const NOT_XML = /[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;
/** Direction overrides let a name read otherwise than it is. */
const DECEIVING = /[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/** Nearly all text is of these, and then there is nothing to do; \x20 to \x7e are the printable ones. */
const PLAIN = /^[\t\n\x20-\x7e]*$/;
const PLAIN_LINE = /^[\x21-\x7e]*(?: [\x21-\x7e]+)*$/;

export function cleanText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(ESCAPE_SEQUENCES, "").replace(/\r\n?/g, "\n").replace(NOT_XML, "");
}

/** One line for a terminal: nothing in it can move the cursor. */
export function oneLine(text: string): string {
  if (PLAIN_LINE.test(text)) return text;
  return cleanText(text).replace(DECEIVING, "").replace(/\s+/g, " ").trim();
}

export function terminalLines(text: string): string[] {
  return cleanText(text)
    .split("\n")
    .map((line) => line.replace(DECEIVING, "").replaceAll("\t", "    ").trimEnd());
}

/** As people say it: 340 ms, 2.5 s, 3 min 20 s. */
export function shortTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const TITLE_CHARS = 200;

/** For lists; a text that is cut says how long it was. */
export function clipped(line: string): string {
  if (line.length <= TITLE_CHARS) return line;
  // Not between the halves of a surrogate pair.
  const start = line.slice(0, TITLE_CHARS).replace(/[\ud800-\udbff]$/, "");
  return `${start}… (${line.length} characters)`;
}

export function titleOf({ file, name }: { file: string; name: string }): string {
  return [oneLine(file), oneLine(name)].filter((part) => part !== "").join(" > ");
}
