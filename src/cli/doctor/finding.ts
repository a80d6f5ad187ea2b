/** What one look of testyard doctor found. */
export interface Finding {
  check: string;
  status: "ok" | "warn" | "fail";
  /** What was found, in one sentence. */
  message: string;
  /** What to do about it; null when nothing is to be done. */
  next: string | null;
}

export type Check = () => Promise<Finding | Finding[]>;

export function ok(check: string, message: string): Finding {
  return { check, status: "ok", message, next: null };
}

export function warn(check: string, message: string, next: string): Finding {
  return { check, status: "warn", message, next };
}

export function fail(check: string, message: string, next: string): Finding {
  return { check, status: "fail", message, next };
}

/** A look that breaks is a finding too: on a broken machine the others still count. */
export async function lookAll(checks: Readonly<Record<string, Check>>): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      found.push(...[await check()].flat());
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
      found.push(fail(name, `it could not be looked at: ${reason}`, "mend what the message names"));
    }
  }
  return found;
}
