/** A new name in a directory is durable only once the directory itself is flushed. */
import { closeSync, fsyncSync, openSync } from "node:fs";

export function flushDirectory(dir: string): void {
  const handle = openSync(dir, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
