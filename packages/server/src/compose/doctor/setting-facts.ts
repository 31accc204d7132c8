import { isIP } from "node:net";
import type { Config } from "../../config/config.ts";
import { internalTlsFiles } from "../../config/tls-files.ts";
import { socketPathOf } from "../../platform/listener-url.ts";
import { type ConfigurationFacts, isLocalHost } from "../../core/doctor/checks/check-configuration.ts";
import { listenedHosts } from "../sockets.ts";

/** What the settings say, for the check of the configuration. */
export function settingFacts(
  config: Config,
): Omit<ConfigurationFacts, "problems" | "platformNotice" | "passwordNotice"> {
  const { logLevel, refusalLimit, keyProof, publicUrl } = config;
  const hosts = listenedHosts(config);
  return {
    logLevel,
    refusalLimit,
    keyProof,
    publicUrl,
    isPublicOpen: isOpen(hosts.public),
    isInternalOpen: isOpen(hosts.internal),
    isInternalEncrypted: internalTlsFiles(config) !== undefined || config.adminUrl?.startsWith("https:") === true,
  };
}

/** Is the store or the master secret kept in the data folder? */
export function isDataFolderNeeded({ databaseUrl, masterSecrets }: Config): boolean {
  return databaseUrl === undefined || masterSecrets === undefined;
}

/** Does a listener with this host accept connections from other machines? */
function isOpen(host: string | undefined): boolean {
  return host !== undefined && socketPathOf(host) === undefined && !isLocalHost(isIP(host) === 6 ? `[${host}]` : host);
}
