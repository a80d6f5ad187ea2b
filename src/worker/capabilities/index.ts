/** What the machine offers to tasks, and how busy it is. */
export { detectCapabilities, type DetectOptions } from "./detect.ts";
export { hwClass } from "./hw-class.ts";
export { createLoadSampler, type LoadOptions, type LoadSample } from "./load.ts";
