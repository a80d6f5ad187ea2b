/** The rebuild that runs, or the last one that did. One at a time: a second call joins the first. */
import type { RebuildStatus } from "../protocol/index.ts";

type Report = NonNullable<RebuildStatus["report"]>;

export class RebuildJob {
  readonly #rebuild: () => Promise<Report>;
  #status: RebuildStatus = { state: "none", error: null, report: null };

  constructor(rebuild: () => Promise<Report>) {
    this.#rebuild = rebuild;
  }

  status(): RebuildStatus {
    return this.#status;
  }

  start(): RebuildStatus {
    if (this.#status.state !== "running") void this.#run();
    return this.#status;
  }

  async #run(): Promise<void> {
    this.#status = { state: "running", error: null, report: null };
    try {
      this.#status = { state: "done", error: null, report: await this.#rebuild() };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#status = { state: "failed", error: reason, report: null };
    }
  }
}
