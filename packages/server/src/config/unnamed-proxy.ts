import { socketPathOf, UNIX_PEER } from "../platform/listener-url.ts";
import { LOOPBACK_HOSTS } from "../platform/loopback.ts";
import type { Config } from "./config.ts";

/**
 * Shows whether clients reach the public listener through a proxy that the configuration doesn't name. Then the service sees the
 * proxy's address instead of its clients', and can't limit users or keys to networks.
 *
 * @returns why, as the end of a sentence; `undefined` if proxies are named, or if nothing shows that there is one
 */
export function findUnnamedProxy({
  trustedProxies,
  publicUrl,
  host,
  tlsCertFile,
  tlsClientCaFile,
}: Pick<Config, "trustedProxies" | "publicUrl" | "host" | "tlsCertFile" | "tlsClientCaFile">): string | undefined {
  if (socketPathOf(host) !== undefined) {
    return trustedProxies.includes(UNIX_PEER)
      ? undefined
      : `the public listener is a Unix socket, so clients come through a proxy, and COUNTERSIGN_TRUSTED_PROXIES doesn't name ${UNIX_PEER}`;
  }
  if (trustedProxies.length > 0 || tlsClientCaFile !== undefined || publicUrl === undefined) return undefined;
  const { protocol, hostname } = new URL(publicUrl);
  if (protocol === "https:" && tlsCertFile === undefined) {
    return "COUNTERSIGN_PUBLIC_URL begins with https://, which only a proxy in front of this service can answer, and COUNTERSIGN_TRUSTED_PROXIES names no proxy";
  }
  if (isLoopback(host) && !isLoopback(hostname)) {
    return "the public listener is at a loopback address, so clients that use COUNTERSIGN_PUBLIC_URL come through a proxy, and COUNTERSIGN_TRUSTED_PROXIES names no proxy";
  }
  return undefined;
}

function isLoopback(host: string): boolean {
  const name = host === "::1" ? "[::1]" : host.toLowerCase();
  return LOOPBACK_HOSTS.includes(name) || name.startsWith("127.") || name.endsWith(".localhost");
}
