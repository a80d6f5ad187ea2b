export { ensureClientKey, isClientKey, readClientKey } from "./client-key.ts";
export { createSession, type Opened, type SessionSecrets, type Side, type SignedSession } from "./session.ts";
