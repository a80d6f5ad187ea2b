/**
 * What each table holds, in two numbers: how many rows, and the exclusive or of their hashes. Two files with
 * equal digests at the same record hold the same rows, in whatever order.
 */
import type { Reader } from "./reader.ts";
import { TABLE_NAMES } from "./schema.ts";

export interface Digests {
  watermark: number;
  tables: Record<string, { rows: number; hash: string }>;
}

const TABLE_DIGESTS = TABLE_NAMES.map(
  (table) =>
    `SELECT '${table}' AS name, count(*) AS n, coalesce(bit_xor(hash(t)), 0)::VARCHAR AS hash
     FROM ${table} t`,
).join(" UNION ALL ");

const DIGESTS = `
  SELECT 'meta' AS name, value::BIGINT AS n, '' AS hash FROM meta WHERE key = 'watermark_position'
  UNION ALL ${TABLE_DIGESTS}`;

export async function digests(db: Reader): Promise<Digests> {
  const rows = await db.rows(DIGESTS);
  const found: Digests = { watermark: 0, tables: {} };
  for (const { name, n, hash } of rows) {
    if (name === "meta") found.watermark = Number(n);
    else found.tables[String(name)] = { rows: Number(n), hash: String(hash) };
  }
  return found;
}
