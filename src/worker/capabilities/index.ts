/** What the machine offers to tasks, and how busy it is. */
export { detectCapabilities } from "./detect.ts";
export {} from "./hw-class.ts";
export { createLoadSampler } from "./load.ts";
