import type { Unwind } from "./unwind.ts";

/** Ends once, whoever asks first. */
export class Ending {
  readonly ended: Promise<Error | null>;
  readonly #unwind: Unwind;
  readonly #closing: AbortController;
  #resolve: (cause: Error | null) => void = () => {};
  #running: Promise<void> | null = null;

  constructor(unwind: Unwind, closing: AbortController) {
    this.#unwind = unwind;
    this.#closing = closing;
    this.ended = new Promise((resolve) => (this.#resolve = resolve));
  }

  end(cause: Error | null): Promise<void> {
    this.#running ??= this.#end(cause);
    return this.#running;
  }

  async #end(cause: Error | null): Promise<void> {
    this.#closing.abort();
    await this.#unwind.all();
    this.#resolve(cause);
  }
}
