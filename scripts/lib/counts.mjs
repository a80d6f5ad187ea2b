// The one sentence in which parts of the test command, and the command itself, say how it went.
const SENTENCE = /^(\d+) passed, (\d+) failed, (\d+) skipped$/;

export const describeCounts = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** Reads the last line of an output; undefined when it is another sentence. */
export function countsIn(output) {
  const match = SENTENCE.exec(output.trimEnd().split("\n").at(-1));
  if (match === null) return undefined;
  const [passed, failed, skipped] = match.slice(1).map(Number);
  return { passed, failed, skipped };
}
