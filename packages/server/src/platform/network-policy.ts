import { isIP, isIPv4 } from "node:net";
import ipaddr from "ipaddr.js";
import { compileNetworks, isInNetworks } from "../core/networks.ts";

/** Which addresses this service connects to on behalf of operators. */
export interface NetworkPolicy {
  /** Is the address in a network that the configuration names? */
  readonly isNamed: (address: string) => boolean;
  /** May the service connect to it: is it a public address, or {@link isNamed}? */
  readonly isAllowed: (address: string) => boolean;
}

/**
 * Allows public unicast addresses and the networks that the configuration names. Everything else of the IANA registries for special
 * addresses (RFC 6890) is refused, so that nobody reaches this machine, its network or a cloud's metadata service through this one.
 *
 * @param networks in canonical form, as `parseNetworks` returns them
 */
export function createNetworkPolicy(networks: readonly string[]): NetworkPolicy {
  const named = compileNetworks(networks);
  const isNamed = (address: string) => isInNetworks(named, address);
  return { isNamed, isAllowed: (address) => isPublic(address) || isNamed(address) };
}

/**
 * Is it a public unicast address? An IPv6 address that stands for an IPv4 address (mapped, NAT64, 6to4, Teredo) isn't, even if that
 * one is public: which host it reaches depends on the network.
 *
 * @param address as `node:net` accepts it; for anything else the answer is no
 */
export function isPublic(address: string): boolean {
  if (isIP(address) === 0 || address.includes("%")) return false;
  if (isIPv4(address)) return ipaddr.IPv4.parse(address).range() === "unicast";
  const parsed = ipaddr.IPv6.parse(address);
  // ipaddr.js also calls "unicast" what isn't assigned. Global unicast addresses are in 2000::/3 (RFC 4291 §2.4, IANA).
  return parsed.range() === "unicast" && parsed.match(GLOBAL_UNICAST);
}

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");
