/**
 * Versions compared number by number: 7.10 is newer than 7.5. A part that is no number compares as text,
 * after every number; a missing part counts as 0.
 *
 * @returns negative, 0 or positive, as a comparator does.
 */
export function compareVersions(left: string, right: string): number {
  const a = left.split(/[.\-+]/);
  const b = right.split(/[.\-+]/);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = compareParts(a[i] ?? "0", b[i] ?? "0");
    if (order !== 0) return order;
  }
  return 0;
}

function compareParts(a: string, b: string): number {
  const [numericA, numericB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (numericA && numericB) return Number(a) - Number(b);
  if (numericA !== numericB) return numericA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
