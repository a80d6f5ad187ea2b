/**
 * The key of a yard: 32 random bytes in `<data-dir>/client-key`, readable by its owner alone. Whoever can
 * read it may submit, cancel and work. Clients of the same user on the same host find it by themselves.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

class ClientKeyError extends Error {
  override readonly name = "ClientKeyError";
  readonly code: "client_key_missing" | "client_key_exposed" | "client_key_damaged";

  constructor(code: ClientKeyError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const KEY_FILE = "client-key";

/** The key, made at the first call. Two first calls at once agree on one key. */
export async function ensureClientKey(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    const file = await open(join(dataDir, KEY_FILE), "wx", 0o600);
    await file.writeFile(`${randomBytes(32).toString("hex")}\n`);
    await file.sync();
    await file.close();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  }
  return readClientKey(dataDir);
}

/** @throws ClientKeyError when it is not there, others may read it, or it is no key. */
export async function readClientKey(dataDir: string): Promise<string> {
  const path = join(dataDir, KEY_FILE);
  const info = await stat(path).catch(() => null);
  if (info === null) throw new ClientKeyError("client_key_missing", `no key at ${path}`);
  if (process.platform !== "win32" && (info.mode & 0o077) !== 0) {
    const hint = `chmod 600 ${path}`;
    throw new ClientKeyError("client_key_exposed", `${path} can be read by others; run: ${hint}`);
  }
  const text = (await readFile(path, "utf8")).trim();
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new ClientKeyError("client_key_damaged", `${path} does not hold a key`);
  return text;
}

/** Compares in constant time. */
export function isClientKey(key: string, offered: string): boolean {
  const [a, b] = [Buffer.from(key), Buffer.from(offered)];
  return a.length === b.length && timingSafeEqual(a, b);
}
