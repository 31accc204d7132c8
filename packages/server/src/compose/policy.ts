import type { Config } from "../config/config.ts";
import type { Policy } from "../core/change/change-tx.ts";

/** What the configuration demands of changes. */
export function policyOf({ maxKeyAge, weakKeys }: Pick<Config, "maxKeyAge" | "weakKeys">): Policy {
  return { keyAgeMaxMs: maxKeyAge ?? null, weakKeysStayOff: weakKeys === "deactivate" };
}
