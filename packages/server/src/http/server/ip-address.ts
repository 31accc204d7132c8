import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * Reads an IP address and returns its canonical form: IPv4 in dotted decimals, IPv6 by RFC 5952 and without a zone. An
 * IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) becomes the IPv4 address. `undefined` for anything else.
 */
export function parseIpAddress(text: string): string | undefined {
  // Node decides what an address is: ipaddr.js also accepts `0x7f.1`, and reads `::192.0.2.1` as 192.0.2.1.
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return undefined;
  const address = new URL(`http://[${text.replace(/%.*/s, "")}]`).hostname.slice(1, -1);
  return address.startsWith("::ffff:") ? ipaddr.process(address).toString() : address;
}

/**
 * The network under which an address is counted: an IPv4 address itself, or the /64 network of an IPv6 address, because a client
 * with one of its addresses has all of them (RFC 6177). Spelling doesn't matter. Other text is returned unchanged.
 */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined || isIPv4(parsed)) return parsed ?? address;
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/64`).toString();
}
