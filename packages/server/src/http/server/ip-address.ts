import { isIPv4, isIPv6 } from "node:net";

/**
 * An IP address in its one spelling: IPv4 in dotted decimals, IPv6 as RFC 5952 writes it, without a zone. An IPv4 address in
 * IPv6 form (RFC 4291 §2.5.5.2), in decimals or not, is the IPv4 address. `undefined` for anything else.
 */
export function parseIpAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return undefined;
  const groups = groupsOf(text);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join(".");
  }
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname.slice(1, -1);
}

/**
 * What an address counts as where clients are counted: an IPv4 address as itself, an IPv6 address as its /64 network, since
 * a client that has one address of it has them all (RFC 6177). The spelling doesn't matter; other text counts as itself.
 */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined || !isIPv6(parsed)) return parsed ?? address;
  return groupsOf(parsed)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":");
}

/** The eight groups of an IPv6 address, whose form was checked. */
function groupsOf(address: string): readonly number[] {
  const [withoutZone = ""] = address.split("%");
  const hexadecimal = withoutZone.replace(/[^:]+$/, (last) => {
    if (!isIPv4(last)) return last;
    const [a = 0, b = 0, c = 0, d = 0] = last.split(".").map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = [], tail] = hexadecimal
    .split("::")
    .map((part) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))));
  if (tail === undefined) return head;
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}
