export { ensureClientKey, isClientKey, readClientKey } from "./client-key.ts";
export { ensureWebhookSecret } from "./webhook-secret.ts";
export { createSession, type Opened, type SessionSecrets, type Side, type SignedSession } from "./session.ts";
