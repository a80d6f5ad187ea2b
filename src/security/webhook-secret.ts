/**
 * The secret that webhooks are signed with: `<data-dir>/webhook-secret`, readable by its owner alone, never
 * in the log. Receivers get a copy from the operator.
 */
import { randomBytes } from "node:crypto";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

class WebhookSecretError extends Error {
  override readonly name = "WebhookSecretError";
  readonly code: "webhook_secret_exposed" | "webhook_secret_damaged";

  constructor(code: WebhookSecretError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const PREFIX = "whsec_";

/** The secret, made at the first call. @throws WebhookSecretError */
export async function ensureWebhookSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, "webhook-secret");
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(`${PREFIX}${randomBytes(32).toString("base64")}\n`);
    await file.sync();
    await file.close();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  }
  if (process.platform !== "win32" && ((await stat(path)).mode & 0o077) !== 0) {
    const message = `${path} can be read by others; run: chmod 600 ${path}`;
    throw new WebhookSecretError("webhook_secret_exposed", message);
  }
  const text = (await readFile(path, "utf8")).trim();
  if (/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(text)) return text;
  const message = `${path} does not hold a secret: ${PREFIX} and at least 24 bytes in base64`;
  throw new WebhookSecretError("webhook_secret_damaged", message);
}
