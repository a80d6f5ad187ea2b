/**
 * The tables and views as people ask them, asked of the database itself: a view's columns and types are
 * DuckDB's to say.
 */
import { openDatabase } from "./database.ts";

export interface TableDescription {
  name: string;
  kind: "table" | "view";
  comment: string;
  columns: { name: string; type: string; comment: string }[];
}

export async function describeSchema(): Promise<TableDescription[]> {
  const db = await openDatabase(":memory:", { clusterId: "" });
  try {
    const read = async (sql: string) => (await db.reader.runAndReadAll(sql)).getRowObjectsJson();
    const tables = await read(`
      SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables() WHERE table_name <> 'meta'
      UNION ALL
      SELECT view_name AS name, 'view' AS kind, comment FROM duckdb_views() WHERE NOT internal
      ORDER BY kind, name`);
    const columns = await read(`
      SELECT table_name, column_name AS name, data_type AS type, coalesce(comment, '') AS comment
      FROM duckdb_columns() WHERE NOT internal ORDER BY table_name, column_index`);
    return tables.map((table) => ({
      ...(table as unknown as Omit<TableDescription, "columns">),
      columns: columns
        .filter(({ table_name }) => table_name === table["name"])
        .map(({ name, type, comment }) => ({ name, type, comment }) as TableDescription["columns"][number]),
    }));
  } finally {
    db.close();
  }
}

const HEAD = `# Tables of the results

What \`testyard query\` sees. Times are UTC. Every table only grows; the views put together what belongs
together. Made from \`src/results/schema.ts\` by \`testyard query --schema\`.
`;

export async function schemaMarkdown(): Promise<string> {
  const parts = (await describeSchema()).map(({ name, kind, comment, columns }) => {
    const rows = columns.map((column) => `| \`${column.name}\` | ${column.type} | ${column.comment} |`);
    const sentence = `${comment.charAt(0).toUpperCase()}${comment.slice(1)}.`;
    const head = `## ${name}\n\n${kind === "view" ? "View: " : ""}${sentence}\n`;
    return [head, "| column | type | |", "|---|---|---|", ...rows].join("\n");
  });
  return `${[HEAD, ...parts].join("\n\n").replace(/\n{3,}/g, "\n\n")}\n`;
}
