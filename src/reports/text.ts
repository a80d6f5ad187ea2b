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

export function cleanText(text: string): string {
  return text.replace(ESCAPE_SEQUENCES, "").replace(/\r\n?/g, "\n").replace(NOT_XML, "");
}

/** One line for a terminal: nothing in it can move the cursor. */
export function oneLine(text: string): string {
  return cleanText(text).replace(DECEIVING, "").replace(/\s+/g, " ").trim();
}

export function terminalLines(text: string): string[] {
  return cleanText(text)
    .split("\n")
    .map((line) => line.replace(DECEIVING, "").replaceAll("\t", "    ").trimEnd());
}
