// A plain object on purpose: importing from "vitest/config" would need vitest installed in this folder.
export default { test: { include: ["tests/**/*.test.ts"] } };
