/** How attempts are carried out: as real processes, each with a workspace, a log and its cases. */
export { createProcessExecutor, keyPrefixOf, type ProcessExecutorOptions } from "./process-executor.ts";
export {
  createRunProcess,
  type ProcessEnd,
  type ProcessSpec,
  type RunningProcess,
  type SpawnProblem,
  type StartProcess,
} from "./processes.ts";
