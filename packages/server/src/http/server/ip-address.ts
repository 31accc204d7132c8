import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * An IP address in its one spelling: IPv4 in dotted decimals, IPv6 as RFC 5952 writes it, without a zone. An IPv4 address in
 * IPv6 form (RFC 4291 §2.5.5.2), in decimals or not, is the IPv4 address. `undefined` for anything else.
 */
export function parseIpAddress(text: string): string | undefined {
  // Node decides what is an address: ipaddr.js takes `0x7f.1` for one too, and `::192.0.2.1` for 192.0.2.1.
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return undefined;
  const address = new URL(`http://[${text.replace(/%.*/s, "")}]`).hostname.slice(1, -1);
  return address.startsWith("::ffff:") ? ipaddr.process(address).toString() : address;
}

/**
 * What an address counts as where clients are counted: an IPv4 address as itself, an IPv6 address as its /64 network, since
 * a client that has one address of it has them all (RFC 6177). The spelling doesn't matter; other text counts as itself.
 */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined || isIPv4(parsed)) return parsed ?? address;
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/64`).toString();
}
