/**
 * Output of tests on its way to a terminal: colours may pass, nothing else that a terminal would obey.
 *
 * A log can hold sequences that move the cursor over what was said before, retitle the window, or write to
 * the clipboard. So it is read as a stream (a sequence may be cut anywhere by the pieces it comes in), SGR
 * sequences are passed on where colours are wanted, and every other control character but the line end and
 * the tabulator goes. A carriage return alone becomes a line end: it would write over its own line.
 */
type State = "text" | "return" | "escape" | "escape_more" | "csi" | "string" | "string_escape";

const ESC = "\u001b";
const LONGEST_SEQUENCE = 64;
const SGR = /^[0-9;:]*$/;
const PLAIN = /[\t\n\x20-\x7e]+/y;
const RESET = `${ESC}[0m`;
/** Direction overrides let a line read otherwise than it is. */
const DECEIVING = /[\u202a-\u202e\u2066-\u2069]/;

export class TerminalText {
  readonly #colours: boolean;
  readonly #decoder = new TextDecoder();
  #state: State = "text";
  #held = "";
  #isColoured = false;

  constructor({ colours }: { colours: boolean }) {
    this.#colours = colours;
  }

  push(bytes: Uint8Array): string {
    return this.#read(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What is left, and the terminal's own colours again. */
  end(): string {
    const text = this.#read(this.#decoder.decode()) + (this.#state === "return" ? "\n" : "");
    return this.#isColoured ? text + RESET : text;
  }

  #read(text: string): string {
    let out = "";
    for (let at = 0; at < text.length; ) {
      PLAIN.lastIndex = at;
      // Nearly all of nearly every log: letter by letter, 64 MiB would take seconds.
      const plain = this.#state === "text" ? PLAIN.exec(text)?.[0] : undefined;
      const part = plain ?? String.fromCodePoint(text.codePointAt(at) ?? 0);
      out += plain ?? this.#step(part);
      at += part.length;
    }
    return out;
  }

  #step(letter: string): string {
    switch (this.#state) {
      case "text":
        return this.#plain(letter);
      case "return":
        this.#state = "text";
        return letter === "\n" ? "\n" : `\n${this.#plain(letter)}`;
      case "escape":
        return this.#escaped(letter);
      case "escape_more":
        if (letter < " " || letter > "/") this.#state = "text";
        return "";
      case "csi":
        return this.#sequence(letter);
      case "string":
        return this.#string(letter);
      case "string_escape":
        this.#state = letter === "\\" ? "text" : "string";
        return "";
    }
  }

  #plain(letter: string): string {
    if (letter >= " " && letter < "\u007f") return letter;
    if (letter === "\n" || letter === "\t") return letter;
    if (letter === "\r") return this.#to("return");
    if (letter === ESC) return this.#to("escape");
    if (letter === "\u009b") return this.#to("csi");
    if (letter === "\u0090" || letter === "\u009d" || letter === "\u009e" || letter === "\u009f")
      return this.#to("string");
    return letter < "\u00a0" || DECEIVING.test(letter) ? "" : letter;
  }

  #to(state: State): string {
    this.#state = state;
    this.#held = "";
    return "";
  }

  #escaped(letter: string): string {
    if (letter === "[") return this.#to("csi");
    // OSC, DCS, SOS, PM, APC: strings that end with BEL or ESC \.
    if ("]PX^_".includes(letter)) return this.#to("string");
    if (letter === ESC) return "";
    if (letter >= " " && letter <= "/") return this.#to("escape_more");
    this.#state = "text";
    return letter === "\n" ? "\n" : "";
  }

  #sequence(letter: string): string {
    if (letter >= "@" && letter <= "~") {
      this.#state = "text";
      const isColour = letter === "m" && SGR.test(this.#held);
      if (!isColour || !this.#colours) return "";
      this.#isColoured = this.#held !== "" && this.#held !== "0";
      return `${ESC}[${this.#held}m`;
    }
    if (letter < " " || letter > "?" || this.#held.length >= LONGEST_SEQUENCE) {
      this.#state = "text";
      return this.#plain(letter);
    }
    this.#held += letter;
    return "";
  }

  /** A string without an end takes no more than its line. */
  #string(letter: string): string {
    if (letter === ESC) return this.#to("string_escape");
    if (letter === "\u0007" || letter === "\u009c") return this.#to("text");
    if (letter !== "\n") return "";
    this.#state = "text";
    return "\n";
  }
}
