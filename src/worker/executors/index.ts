/** How attempts are carried out: as real processes, each with a workspace, a log and its cases. */
export { createProcessExecutor, keyPrefixOf } from "./process-executor.ts";
export { createRunProcess } from "./processes.ts";
