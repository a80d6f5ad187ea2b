/**
 * Values of DuckDB as JSON that loses nothing. Numbers that a double holds are numbers; whole ones beyond
 * 2^53, decimals, and what JSON has no number for (NaN, Infinity) are text. Times are text, as SQL writes
 * them. A list is a list, a struct an object, a map a list of `{key, value}`.
 */
import { type DuckDBValueConverter, type Json, JsonDuckDBValueConverter } from "@duckdb/node-api";

export const jsonValue: DuckDBValueConverter<Json> = (value, type, converter) => {
  if (typeof value !== "bigint") return JsonDuckDBValueConverter(value, type, converter);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
};
