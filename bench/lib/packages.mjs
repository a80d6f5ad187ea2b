// The peers' packages are installed apart from ours: nothing of them belongs to the product.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** undefined when the package is there; otherwise what to do. */
export function missingPackage(name) {
  const folder = fileURLToPath(new URL(`../node_modules/${name}`, import.meta.url));
  return existsSync(folder) ? undefined : `${name} not installed: npm ci --prefix bench`;
}
