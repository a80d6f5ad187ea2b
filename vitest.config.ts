// Two kinds of tests share this file: those beside the code (src/**) and those that drive the built
// program (test/**). Forks rather than threads, because lmdb and DuckDB are native and a crash of one must
// not take the other files' results with it. `allowOnly: false` turns a forgotten `.only` into a failure.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "examples/**", "**/fixtures/**"],
    pool: "forks",
    maxWorkers: 2,
    allowOnly: false,
    testTimeout: 15_000,
    hookTimeout: 30_000,
  },
});
