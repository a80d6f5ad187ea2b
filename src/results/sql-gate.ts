/**
 * What people's SQL may be: one SELECT, by what DuckDB parses it to, never by its text.
 *
 * Three gates, each of which would do alone against a write. The statement's own type; DuckDB's serialiser,
 * which takes nothing but SELECT and shows the tree; and the transaction, which is read-only. The tree is
 * needed because a function may do more than read: `enable_logging()` is a table to select from. Of table
 * functions those are let through that are known to read only what is here; `query('…')` is not one of
 * them, as its text would pass by the tree.
 *
 * EXPLAIN has a type of its own, whatever it explains, and with ANALYZE it runs that. So what stands behind
 * the word is taken through the same gates, and the word is put in front of it again.
 */
import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from "@duckdb/node-api";
import { messageOf, SqlRefused } from "./errors.ts";

const LONGEST_SQL = 100_000;

const TABLE_FUNCTIONS = new Set(
  (
    "range generate_series unnest repeat repeat_row json_each json_tree duckdb_columns duckdb_constraints " +
    "duckdb_databases duckdb_functions duckdb_keywords duckdb_schemas duckdb_settings duckdb_tables " +
    "duckdb_types duckdb_views duckdb_memory duckdb_temporary_files pragma_table_info pragma_storage_info " +
    "pragma_database_size pragma_version pragma_show"
  ).split(" "),
);
/** They change the session, write, only hold a thread, or take a text of SQL that would pass by the tree. */
const REFUSED_FUNCTIONS = new Set(
  ["setseed", "write_log", "sleep_ms", "nextval", "getvariable"].concat("json_serialize_plan"),
);

/** Inside a transaction. @throws SqlRefused */
export async function admit(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  if (sql.length > LONGEST_SQL) throw refused(`the text is longer than ${LONGEST_SQL} characters`);
  if (sql.includes("\0")) throw refused("the text holds a NUL");
  const inner = explained(sql);
  await checkTree(connection, inner ?? sql);
  const { statement } = await single(connection, inner ?? sql);
  if (inner === null) return statement;
  statement.destroySync();
  return (await single(connection, `EXPLAIN ${inner}`, StatementType.EXPLAIN)).statement;
}

function refused(message: string): SqlRefused {
  return new SqlRefused("sql_refused", message);
}

/** What stands behind a leading EXPLAIN; null where there is none. */
function explained(sql: string): string | null {
  const [, inner] = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*explain\b([\s\S]*)$/i.exec(sql) ?? [];
  return inner ?? null;
}

async function single(
  connection: DuckDBConnection,
  sql: string,
  wanted: StatementType = StatementType.SELECT,
): Promise<{ statement: DuckDBPreparedStatement }> {
  const extracted = await connection.extractStatements(sql);
  if (extracted.count !== 1) throw refused(`one statement is taken, not ${extracted.count}`);
  const statement = await extracted.prepare(0);
  if (statement.statementType === wanted) return { statement };
  const { statementType } = statement;
  statement.destroySync();
  throw refused(`only SELECT is taken, not ${StatementType[statementType]}`);
}

interface Serialised {
  error: boolean;
  error_type?: string;
  error_message?: string;
  statements?: unknown[];
}

async function checkTree(connection: DuckDBConnection, sql: string): Promise<void> {
  const found = await connection.runAndReadAll("SELECT json_serialize_sql($1::VARCHAR)", [sql]);
  const serialised = JSON.parse(String(found.getRows()[0]?.[0])) as Serialised;
  if (serialised.error) throw notSerialised(serialised);
  const { statements = [] } = serialised;
  if (statements.length !== 1) throw refused(`one statement is taken, not ${statements.length}`);
  for (const node of nodesOf(statements)) checkNode(node);
}

function notSerialised({ error_type, error_message = "" }: Serialised): SqlRefused {
  if (error_type === "parser") return new SqlRefused("sql_failed", `Parser Error: ${error_message}`);
  return refused("only SELECT is taken, and EXPLAIN of a SELECT");
}

interface Node {
  type?: unknown;
  function?: unknown;
  function_name?: unknown;
}

function* nodesOf(tree: unknown): Generator<Node> {
  const waiting = [tree];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== "object" || next === null) continue;
    if (!Array.isArray(next)) yield next;
    for (const child of Object.values(next)) if (child !== undefined) waiting.push(child);
  }
}

function checkNode(node: Node): void {
  if (node.type === "TABLE_FUNCTION") {
    const name = nameOf(node.function as Node);
    if (!TABLE_FUNCTIONS.has(name)) throw refused(`the table function ${name}() is not taken`);
  }
  const name = nameOf(node);
  if (REFUSED_FUNCTIONS.has(name)) throw refused(`the function ${name}() is not taken`);
}

function nameOf({ function_name }: Node): string {
  return typeof function_name === "string" ? function_name.toLowerCase() : "";
}

/** DuckDB's own words for an empty text are of no use to anybody. */
export function asSqlError(error: unknown): SqlRefused {
  if (error instanceof SqlRefused) return error;
  const message = messageOf(error).replace("Failed to extract statements: ", "");
  if (message === "Error in native callback") return refused("there is no statement in the text");
  return new SqlRefused(message.startsWith("Out of Memory") ? "sql_memory" : "sql_failed", message);
}
