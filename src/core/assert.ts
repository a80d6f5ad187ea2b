/** A broken invariant: a defect of ours, never of the input. The process that meets one stops. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
  readonly code = "invariant_broken";
}

export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantError(typeof message === "string" ? message : message());
}

/** The end of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}`);
}
