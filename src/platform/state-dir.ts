/** Where a program keeps what must survive it, by the manners of each platform. */
import { homedir } from "node:os";
import { join } from "node:path";

export interface PlatformFacts {
  platform: NodeJS.Platform;
  env: NodeJS.ProcessEnv;
  home: string;
}

export function stateDir(facts: PlatformFacts = hostFacts()): string {
  const { platform, env, home } = facts;
  switch (platform) {
    case "darwin":
      return join(home, "Library", "Application Support", "testyard");
    case "win32":
      return join(env["LOCALAPPDATA"] || join(home, "AppData", "Local"), "testyard");
    default:
      // The XDG rules say that a relative path in the variable is to be ignored.
      return join(
        env["XDG_STATE_HOME"]?.startsWith("/") ? env["XDG_STATE_HOME"] : join(home, ".local", "state"),
        "testyard",
      );
  }
}

/** Where a user keeps settings by hand. */
export function configDir(facts: PlatformFacts = hostFacts()): string {
  const { platform, env, home } = facts;
  switch (platform) {
    case "darwin":
      return join(home, "Library", "Application Support", "testyard");
    case "win32":
      return join(env["APPDATA"] || join(home, "AppData", "Roaming"), "testyard");
    default: {
      const given = env["XDG_CONFIG_HOME"] ?? "";
      return join(given.startsWith("/") ? given : join(home, ".config"), "testyard");
    }
  }
}

function hostFacts(): PlatformFacts {
  return { platform: process.platform, env: process.env, home: homedir() };
}
