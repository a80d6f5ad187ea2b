/** What is made from the command tree: pages of the reference, and the schema of configuration files. */
export { configSchemaText, referencePages } from "./reference.ts";
