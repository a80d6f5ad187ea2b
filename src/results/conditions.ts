/** Parts of statements whose values are not known before they are asked. */

/** Those with a value, joined; `?` becomes the number of its value. */
export function conditions(all: [sql: string, value: string | undefined][]): {
  where: string;
  values: string[];
} {
  const given = all.filter((each): each is [string, string] => each[1] !== undefined);
  const parts = given.map(([sql], i) => sql.replace("?", `$${i + 1}`));
  return { where: `WHERE ${["true", ...parts].join(" AND ")}`, values: given.map(([, value]) => value) };
}

const MOST_ROWS = 100_000;

export function wholeNumber(limit: number): number {
  return Math.max(0, Math.min(MOST_ROWS, Math.trunc(limit))) || 0;
}
