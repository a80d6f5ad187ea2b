/** Percent off by what was spent, in cents. */
export function discount(spentCents: number): number {
  if (spentCents >= 100_00) return 10;
  if (spentCents > 50_00) return 5;
  return 0;
}
