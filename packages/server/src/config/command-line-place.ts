/** What the environment says about where commands work. */
import { join } from "node:path";

/** The file that keeps sign-ins to servers, by the XDG Base Directory Specification. @param environment the process's @returns `undefined` without a home folder */
export function credentialsFile(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const { XDG_CONFIG_HOME: configured, HOME: home } = environment;
  // A relative path is to be ignored.
  const isUsable = configured?.startsWith("/") === true;
  if (!isUsable && (home === undefined || !home.startsWith("/"))) return undefined;
  return join(isUsable ? configured : join(home ?? "", ".config"), "countersign", "credentials.json");
}

/** Variables that a server has, and that say where its store is. */
const STORE_VARIABLES = ["COUNTERSIGN_DATA_DIR", "COUNTERSIGN_DATABASE_URL", "COUNTERSIGN_MASTER_SECRET"];

/** Does an environment say where the store is? */
export function namesStore(environment: Readonly<Record<string, string | undefined>>): boolean {
  return STORE_VARIABLES.some((name) => environment[name] !== undefined || environment[`${name}_FILE`] !== undefined);
}
