/**
 * What a caller of the bulk plane can meet. Everything that may pass by itself is waited out, not reported.
 */

/** The coordinator has answered, and asking again would not change the answer. */
export class BulkRefused extends Error {
  override readonly name = "BulkRefused";
  readonly code: string;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(answer: { code: string; status: number; detail: string; details?: Record<string, unknown> }) {
    super(answer.detail);
    this.code = answer.code;
    this.status = answer.status;
    this.details = answer.details ?? {};
  }
}

/** The caller gave up, or the client was closed, before there was an answer. */
export class BulkAborted extends Error {
  override readonly name = "BulkAborted";
  readonly code = "bulk_aborted";
}
