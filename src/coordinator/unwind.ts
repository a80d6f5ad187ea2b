/**
 * What has been opened, to be closed in the opposite order. One that fails to close does not keep the rest
 * open.
 */
import type { Logger } from "../ports/index.ts";

export class Unwind {
  readonly #steps: { name: string; undo: () => Promise<void> }[] = [];
  readonly #logger: Logger;
  #running: Promise<void> | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(name: string, undo: () => Promise<void>): void {
    this.#steps.push({ name, undo });
  }

  /** Once, also when a start that fails and a loop that ends ask at the same time. */
  all(): Promise<void> {
    this.#running ??= this.#all();
    return this.#running;
  }

  async #all(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        this.#logger.error(`${step.name} did not close properly`, { reason: String(error) });
      }
    }
  }
}
