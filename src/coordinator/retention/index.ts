/** Retention: what is thinned out, and when. */
export { Retention } from "./retention.ts";
