import { isIP } from "node:net";
import type { Config } from "../../config/config.ts";
import { socketPathOf } from "../../platform/listener-url.ts";
import { type ConfigurationFacts, isLocalHost } from "../../core/doctor/checks/check-configuration.ts";

/** What the settings say, for the check of the configuration. */
export function settingFacts(
  config: Config,
): Omit<ConfigurationFacts, "problems" | "platformNotice" | "passwordNotice"> {
  const { logLevel, refusalLimit, keyProof, publicUrl } = config;
  return {
    logLevel,
    refusalLimit,
    keyProof,
    publicUrl,
    isPublicOpen: config.listenOnly !== "internal" && isOpen(config.host),
    isInternalOpen: config.listenOnly !== "public" && isOpen(config.adminHost),
    isInternalEncrypted: config.adminUrl?.startsWith("https:") === true,
  };
}

/** Does a listener with this host accept connections from other machines? */
function isOpen(host: string): boolean {
  return socketPathOf(host) === undefined && !isLocalHost(isIP(host) === 6 ? `[${host}]` : host);
}
