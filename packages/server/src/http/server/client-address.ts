import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { compile } from "@fastify/proxy-addr";
import { parseIpAddress } from "./ip-address.ts";

/**
 * Who sent a request: the peer's address or, behind trusted proxies, the first address that isn't one of theirs. An address
 * is in its one spelling ({@link parseIpAddress}). Where a proxy doesn't name one, it is `unknown`, or a name made from
 * what the proxy says instead, which is no address and gives nothing of that text away.
 */
export type ClientAddress = (request: IncomingMessage) => string;

/** Longer text is no address. */
const ADDRESS_CHARACTERS_MAX = 64;

/**
 * Reads `X-Forwarded-For`, or where there is none `Forwarded` (RFC 7239), from a trusted proxy only, and from the right: each
 * proxy appends the address that it was asked from, so what stands left of the first untrusted address is that client's own
 * text.
 *
 * `X-Forwarded-For` wins wherever it is present, empty or not. Most gateways set only that, and let a client's own
 * `Forwarded` pass: a client could otherwise choose whom its refusals count against.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  if (trustedProxies.length === 0) return peerAddress;
  const isTrusted = compile([...trustedProxies]);
  // Comparing an address with networks takes a microsecond, and most requests come from one proxy.
  let latestProxy: string | undefined;
  return (request) => {
    const peer = peerAddress(request);
    const { "x-forwarded-for": forwardedFor, forwarded } = request.headers;
    if (forwardedFor === undefined && forwarded === undefined) return peer;
    if (peer !== latestProxy && !isTrusted(peer, 0)) return peer;
    latestProxy = peer;
    let client = peer;
    for (const hop of hopsFromRight(request)) {
      const address = hop === undefined ? undefined : parseHop(hop);
      if (address === undefined) return nameOf(hop);
      client = address;
      if (!isTrusted(address, 0)) return client;
    }
    return client;
  };
}

/** The peer's address in its one spelling; `unknown` of a connection that is gone. */
function peerAddress({ socket: { remoteAddress } }: IncomingMessage): string {
  if (remoteAddress === undefined) return "unknown";
  return parseIpAddress(remoteAddress) ?? remoteAddress;
}

/** What proxies say that they were asked from, the last first; `undefined` where one doesn't say. */
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
    // Each parameter comes once (RFC 7239 §4).
    yield values.length === 1 ? values[0] : undefined;
  }
}

/**
 * The elements of a list, the last first, without blanks around them; empty ones are skipped (RFC 9110 §5.6.1).
 *
 * The list is read from its end, so that an unclosed quote in what a client sent can't swallow what a proxy appended.
 *
 * @param hasQuotes whether a separator in a quoted string separates nothing
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

/** Does an odd number of backslashes stand before this place (RFC 9110 §5.6.4)? */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === "\\") backslashes++;
  return backslashes % 2 === 1;
}

/**
 * The address in one element, as proxies write it: with or without a port, in quotes, brackets or neither (RFC 7239 §6).
 * `undefined` for anything else, such as `unknown` and `_hidden`.
 */
function parseHop(hop: string): string | undefined {
  const text = unquote(hop);
  if (text.length > ADDRESS_CHARACTERS_MAX) return undefined;
  const address = parseIpAddress(text);
  if (address !== undefined) return address;
  const [, inBrackets, beforePort, eightGroups] =
    /^(?:\[([^\]]*)\](?::\w*)?|([0-9.]+):\w*|((?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}):\d{1,5})$/i.exec(text) ?? [];
  return parseIpAddress(inBrackets ?? beforePort ?? eightGroups ?? "");
}

/** The text of a quoted string (RFC 9110 §5.6.4); other text as it is. */
function unquote(text: string): string {
  const quoted = /^"(.*)"$/s.exec(text)?.[1];
  return quoted === undefined ? text : quoted.replaceAll(/\\(.)/gs, "$1").trim();
}

/** A name for a client that a proxy didn't give an address of: the same for the same text, in a bounded length. */
function nameOf(hop: string | undefined): string {
  const text = hop === undefined ? "unknown" : unquote(hop).toLowerCase();
  if (text === "unknown") return text;
  return `unnamed-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}
