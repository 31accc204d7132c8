import ipaddr from "ipaddr.js";
import { printable } from "./names.ts";
import { fieldRefusal, type Refusal } from "./refusal.ts";

/** The maximum number of networks to which a user or a key is limited. */
export const NETWORKS_MAX = 50;

/** Four decimal numbers up to 255. Leading zeros are refused: some programs read `010` as 8. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Networks in the form that {@link isInNetworks} needs. */
export interface Networks {
  readonly ipv4: readonly (readonly [ipaddr.IPv4, number])[];
  readonly ipv6: readonly (readonly [ipaddr.IPv6, number])[];
}

/**
 * Parses the networks to which a user or a key is limited: IPv4 and IPv6 in CIDR form (RFC 4632 §3.1, RFC 4291 §2.3). A bare
 * address is a network of one address.
 *
 * @returns the canonical form, such as `192.0.2.0/24` and `2001:db8::/32` (RFC 5952), without duplicates, in the order given. An
 *   IPv4-mapped IPv6 network (`::ffff:192.0.2.0/120`) becomes the IPv4 network
 * @throws {Refusal} `field_invalid` for more than {@link NETWORKS_MAX} networks, for a text that isn't one, for bits set beyond the
 *   prefix (the author may have meant the network or the address), and for a prefix of 0, which limits nothing
 */
export function parseNetworks(texts: readonly string[]): readonly string[] {
  if (texts.length > NETWORKS_MAX) throw networksRefusal(`At most ${NETWORKS_MAX} networks are allowed.`);
  return [...new Set(texts.map(canonicalNetwork))];
}

/** The canonical form of an address, as {@link isInNetworks} takes it; `undefined` for any other text. */
export function parseAddressText(text: string): string | undefined {
  return parseAddress(text)?.toString();
}

/**
 * Refuses a limit that this service couldn't apply, because it would refuse every request of the user or key. Networks that stay as
 * they are, and an empty list, are allowed.
 *
 * @param texts the networks to set; `undefined` to leave them
 * @param current the present ones, in canonical form
 * @param unnamedProxy why clients' addresses aren't known, as the end of a sentence; `undefined` if they are
 * @throws {Refusal} `field_invalid`
 */
export function requireKnownAddresses(
  texts: readonly string[] | undefined,
  current: readonly string[],
  unnamedProxy: string | undefined,
): void {
  if (unnamedProxy === undefined || texts === undefined || texts.length === 0) return;
  if (parseNetworks(texts).join() === current.join()) return;
  throw networksRefusal(
    `Networks can't be limited, because this service can't know clients' addresses: ${unnamedProxy}.`,
  );
}

/** Compiles networks in canonical form. @throws {Error} for a text that isn't a network */
export function compileNetworks(canonical: readonly string[]): Networks {
  const ipv4: [ipaddr.IPv4, number][] = [];
  const ipv6: [ipaddr.IPv6, number][] = [];
  for (const text of canonical) {
    const [address, prefix] = ipaddr.parseCIDR(text);
    if (address instanceof ipaddr.IPv4) ipv4.push([address, prefix]);
    else ipv6.push([address, prefix]);
  }
  return { ipv4, ipv6 };
}

/**
 * Is the address in one of the networks? An IPv4 address is in IPv4 networks only, in whatever form it is written. A text that isn't
 * an address is in no network.
 */
export function isInNetworks({ ipv4, ipv6 }: Networks, address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined) return false;
  return parsed instanceof ipaddr.IPv4
    ? ipv4.some(([network, prefix]) => parsed.match(network, prefix))
    : ipv6.some(([network, prefix]) => parsed.match(network, prefix));
}

function canonicalNetwork(text: string): string {
  const [, addressText = "", prefixText] = /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/s.exec(text) ?? [];
  const address = parseAddress(addressText);
  if (address === undefined) {
    throw networksRefusal(
      `${quote(text)} isn't a network. Write an address and the length of its prefix, such as 192.0.2.0/24 or 2001:db8::/32, or an address.`,
    );
  }
  // An IPv4-mapped address was parsed as IPv4, so its prefix has lost the first 96 of 128 bits.
  const isMapped = address instanceof ipaddr.IPv4 && addressText.includes(":");
  const bits = address instanceof ipaddr.IPv4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText) - (isMapped ? 96 : 0);
  if (prefix > bits || prefix < 0) {
    const range = isMapped ? "from 96 to 128" : `from 1 to ${bits}`;
    throw networksRefusal(`${quote(text)} isn't a network: the length of its prefix must be ${range}.`);
  }
  if (prefix === 0) {
    throw networksRefusal(
      `${quote(text)} contains every address, so it limits nothing. Leave the list empty for no limit.`,
    );
  }
  const network = networkOf(address, prefix);
  if (network === address.toString()) return `${network}/${prefix}`;
  throw networksRefusal(
    `${quote(text)} has bits set beyond its prefix. Write ${network}/${prefix} for the network, or ${address.toString()}/${bits} for the address.`,
  );
}

/**
 * Parses an address; an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) as the IPv4 address. Spellings that programs read in different
 * ways aren't addresses: octal, hexadecimal and shortened IPv4, and zones.
 */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (IPV4.test(text)) return ipaddr.IPv4.parse(text);
  const url = `http://[${text}]`;
  // The URL parser is strict and writes RFC 5952. ipaddr.js alone reads ::192.0.2.1 as 192.0.2.1.
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text) || !text.includes(":") || !URL.canParse(url)) return undefined;
  const address = ipaddr.IPv6.parse(new URL(url).hostname.slice(1, -1));
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/** The network's address. */
function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number): string {
  const kind = address instanceof ipaddr.IPv4 ? ipaddr.IPv4 : ipaddr.IPv6;
  return kind.networkAddressFromCIDR(`${address.toString()}/${prefix}`).toString();
}

function quote(text: string): string {
  return `"${printable(text)}"`;
}

function networksRefusal(message: string): Refusal {
  return fieldRefusal("field_invalid", message, "networks");
}
