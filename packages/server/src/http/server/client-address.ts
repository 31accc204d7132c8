import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { UNIX_PEER } from "../../platform/listener-url.ts";
import { parseIpAddress } from "./ip-address.ts";
import { isVerifiedClient, type TrustedProxies } from "./trusted-proxies.ts";

/**
 * The client that sent a request: the peer's address or, behind trusted proxies, the first address that isn't one of theirs. An
 * address is in canonical form ({@link parseIpAddress}). If a proxy names no address, the result is `unknown`, or a hash of the
 * text that the proxy sent instead.
 */
export type ClientAddress = (request: IncomingMessage) => string;

/** No address is longer. */
const ADDRESS_CHARACTERS_MAX = 64;

/**
 * Reads `X-Forwarded-For` or, if it is missing, `Forwarded` (RFC 7239), only from a trusted proxy, and from right to left. Each
 * proxy appends the address of its peer, so everything left of the first untrusted address was written by that client.
 *
 * `X-Forwarded-For` wins if it is present, even if empty. Most gateways set only that header and pass a client's `Forwarded`
 * through; reading it would let a client choose the address that its refusals count against.
 */
export function createClientAddress({ isEmpty, isTrustedAddress }: TrustedProxies): ClientAddress {
  if (isEmpty) return peerAddress;
  // Comparing an address with networks takes a microsecond, and most requests come from the same proxy.
  let latestProxy: string | undefined;
  return (request) => {
    const peer = peerAddress(request);
    const { "x-forwarded-for": forwardedFor, forwarded } = request.headers;
    if (forwardedFor === undefined && forwarded === undefined) return peer;
    if (!isVerifiedClient(request.socket) && peer !== latestProxy) {
      if (!isTrustedAddress(peer)) return peer;
      latestProxy = peer;
    }
    let client = peer;
    for (const hop of hopsFromRight(request)) {
      const address = hop === undefined ? undefined : parseHop(hop);
      if (address === undefined) return nameOf(hop);
      client = address;
      if (!isTrustedAddress(address)) return client;
    }
    return client;
  };
}

/** Do the proxies of a request name at least one peer of theirs? What they name may be no address. */
export function namesClient(request: IncomingMessage): boolean {
  for (const _ of hopsFromRight(request)) return true;
  return false;
}

/** The peer's address in canonical form; `unix:` for a program that connects to a Unix socket; `unknown` if the connection has closed. */
export function peerAddress({ socket: { remoteAddress } }: IncomingMessage): string {
  if (remoteAddress === undefined) return "unknown";
  return parseIpAddress(remoteAddress) ?? remoteAddress;
}

/** The peers that the proxies name, the last proxy's first; `undefined` for a proxy that names none. */
function hopsFromRight({ headers }: IncomingMessage): Iterable<string | undefined> {
  const forwardedFor = headers["x-forwarded-for"];
  if (forwardedFor !== undefined) return elementsFromRight(String(forwardedFor), ",", false);
  return forwardedFrom(headers.forwarded ?? "");
}

function* forwardedFrom(header: string): Generator<string | undefined> {
  for (const element of elementsFromRight(header, ",", true)) {
    const values: string[] = [];
    for (const pair of elementsFromRight(element, ";", true)) {
      const value = /^for\s*=\s*(.*)$/is.exec(pair)?.[1];
      if (value !== undefined) values.push(value);
    }
    // A parameter must not be repeated (RFC 7239 §4).
    yield values.length === 1 ? values[0] : undefined;
  }
}

/**
 * The elements of a list, the last first, trimmed; empty ones are skipped (RFC 9110 §5.6.1).
 *
 * The list is read from its end, so that an unclosed quote in a client's text can't swallow what a proxy appended.
 *
 * @param hasQuotes whether to ignore separators in quoted strings
 */
function* elementsFromRight(list: string, separator: string, hasQuotes: boolean): Generator<string> {
  let isQuoted = false;
  let end = list.length;
  for (let at = list.length - 1; at >= -1; at--) {
    if (hasQuotes && list[at] === '"' && !isEscaped(list, at)) isQuoted = !isQuoted;
    if (at !== -1 && (list[at] !== separator || isQuoted)) continue;
    const element = list.slice(at + 1, end).trim();
    end = at;
    if (element !== "") yield element;
  }
}

/** Is the character preceded by an odd number of backslashes (RFC 9110 §5.6.4)? */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === "\\") backslashes++;
  return backslashes % 2 === 1;
}

/**
 * Reads the address from one element, in the forms that proxies write: with or without a port, quotes and brackets
 * (RFC 7239 §6), and `unix:`. `undefined` for anything else, such as `unknown` and `_hidden`.
 */
function parseHop(hop: string): string | undefined {
  const text = unquote(hop);
  // What nginx appends for a peer at a Unix socket of its own.
  if (text === UNIX_PEER) return text;
  if (text.length > ADDRESS_CHARACTERS_MAX) return undefined;
  const address = parseIpAddress(text);
  if (address !== undefined) return address;
  const [, inBrackets, beforePort, eightGroups] =
    /^(?:\[([^\]]*)\](?::\w*)?|([0-9.]+):\w*|((?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}):\d{1,5})$/i.exec(text) ?? [];
  return parseIpAddress(inBrackets ?? beforePort ?? eightGroups ?? "");
}

/** The content of a quoted string (RFC 9110 §5.6.4); other text unchanged. */
function unquote(text: string): string {
  const quoted = /^"(.*)"$/s.exec(text)?.[1];
  return quoted === undefined ? text : quoted.replaceAll(/\\(.)/gs, "$1").trim();
}

/** A name of bounded length for a client whose address a proxy didn't give: the same for the same text. */
function nameOf(hop: string | undefined): string {
  const text = hop === undefined ? "unknown" : unquote(hop).toLowerCase();
  if (text === "unknown") return text;
  return `unnamed-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}
