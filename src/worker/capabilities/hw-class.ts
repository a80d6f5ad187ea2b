/** The short name of a hardware class; coordinator and worker compute the same from the same capabilities. */
import { createHash } from "node:crypto";
import { hwClassFacts } from "../../core/index.ts";
import type { Capabilities } from "../../core/index.ts";

/** The number changes when the facts do, so that old and new names never mean different things. */
const VERSION = "hw1";

export function hwClass(capabilities: Capabilities): string {
  const digest = createHash("sha256").update(hwClassFacts(capabilities)).digest("hex");
  return `${VERSION}-${digest.slice(0, 16)}`;
}
