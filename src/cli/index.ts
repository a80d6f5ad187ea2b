/** What is made from the command tree: pages of the reference, and the schema of configuration files. */
export { commandTable, type CommandFacts, configSchemaText, referencePages } from "./reference.ts";
