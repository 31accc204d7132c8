/**
 * Sends webhooks by HTTP. A name is resolved once, its addresses are checked, and the connection is made to one of those: what was
 * checked is what is reached, whatever the name means a moment later (DNS rebinding).
 */
import { Resolver } from "node:dns/promises";
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { WebhookAnswer, WebhookRequest, WebhookSender } from "../core/webhooks/send.ts";
import { errorCode } from "./error-code.ts";
import { createNetworkPolicy } from "./network-policy.ts";

/** How long a delivery may take, from resolving the name to the end of the answer, in milliseconds. */
const DELIVERY_MS_MAX = 15_000;

/** How long the look-up of a new endpoint's host may take, in milliseconds. After that, the host counts as one without an address. */
const LOOK_UP_MS_MAX = 5000;
const NO_ADDRESSES = { all: [], allowed: [] };

/** How long one query to a name server may take, in milliseconds, and how many are sent. */
const DNS_QUERY_MS = 3000;
const DNS_QUERIES = 2;

/** How much of an answer is read, in bytes. It is thrown away; reading it lets the receiver finish in peace. */
const ANSWER_BYTES_MAX = 65_536;

/** Finds the addresses of a host name. None if it has none, or can't be resolved. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface WebhookSenderOptions {
  /** Networks that aren't public and are allowed all the same; also the only ones for `http:`. */
  readonly networks: readonly string[];
  readonly resolve?: Resolve;
  readonly deliveryMsMax?: number;
}

/** @param options tests give other ways to resolve names */
export function createWebhookSender({
  networks,
  resolve = resolveByDns,
  deliveryMsMax = DELIVERY_MS_MAX,
}: WebhookSenderOptions): WebhookSender {
  const policy = createNetworkPolicy(networks);

  /** The addresses of a URL's host: all, and those that it may be reached at. */
  async function addressesOf({ protocol, hostname }: URL) {
    const host = hostname.replace(/^\[|\]$/g, "");
    const all = isIP(host) === 0 ? await resolve(host) : [host];
    // Without TLS, anybody on the way reads along and answers: only in networks that are named.
    const isAllowed = protocol === "https:" ? policy.isAllowed : policy.isNamed;
    return { all, allowed: all.filter((address) => isAllowed(address)) };
  }

  return {
    async send(request, signal) {
      const url = new URL(request.url);
      const timeout = AbortSignal.timeout(deliveryMsMax);
      const deadline = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
      const addresses = await withDeadline(addressesOf(url), deadline);
      if (addresses === undefined) return { outcome: "timed_out", httpStatus: null };
      const { all, allowed } = addresses;
      if (all.length === 0) return { outcome: "name_unresolved", httpStatus: null };
      if (allowed.length === 0) return { outcome: "address_refused", httpStatus: null };
      return post(url, request, allowed, deadline);
    },

    async findUrlProblem(text) {
      const url = new URL(text);
      const { all, allowed } =
        (await withDeadline(addressesOf(url), AbortSignal.timeout(LOOK_UP_MS_MAX))) ?? NO_ADDRESSES;
      if (allowed.length > 0) return undefined;
      if (url.protocol === "http:") {
        return "http:// isn't allowed here: use https://, or add the receiver's address to COUNTERSIGN_WEBHOOK_NETWORKS.";
      }
      if (all.length === 0) return undefined;
      return "The host's address is private or reserved. COUNTERSIGN_WEBHOOK_NETWORKS names the networks that are allowed all the same.";
    },
  };
}

/** Posts to one of these addresses, and waits for the end of the answer. */
function post(
  url: URL,
  { headers, body }: WebhookRequest,
  addresses: readonly string[],
  deadline: AbortSignal,
): Promise<WebhookAnswer> {
  return new Promise((resolve) => {
    let answer: IncomingMessage | undefined;
    const end = (failure: WebhookAnswer) => {
      resolve(answer === undefined ? failure : toAnswer(answer));
    };
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const request: ClientRequest = send(url, {
      method: "POST",
      // A new connection each time, which no other request and no proxy of the environment shares.
      agent: false,
      headers: { ...headers, "Content-Length": Buffer.byteLength(body) },
      lookup: lookupAmong(addresses),
      signal: deadline,
    });
    request.once("response", (response) => {
      answer = response;
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > ANSWER_BYTES_MAX) request.destroy();
      });
      response.once("close", () => {
        end(toAnswer(response));
      });
      // The status has arrived; how the rest ends doesn't matter.
      response.on("error", () => undefined);
    });
    request.on("error", (error) => {
      end(deadline.aborted ? { outcome: "timed_out", httpStatus: null } : toFailure(error));
    });
    request.once("close", () => {
      end({ outcome: "unreachable", httpStatus: null });
    });
    request.end(body);
  });
}

/** The lookup of a connection whose addresses are known. Node doesn't call it for a host that is an address. */
function lookupAmong(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, { all }, callback) => {
    const [first = { address: "", family: 0 }] = found;
    if (all === true) callback(null, found);
    else callback(null, first.address, first.family);
  };
}

function toAnswer({ statusCode = 0, headers }: IncomingMessage): WebhookAnswer {
  const retryAfter = headers["retry-after"];
  if (statusCode >= 200 && statusCode < 300) return { outcome: "delivered", httpStatus: statusCode };
  if (statusCode === 410) return { outcome: "gone", httpStatus: statusCode };
  const isRedirect = statusCode >= 300 && statusCode < 400;
  return { outcome: isRedirect ? "redirected" : "http_status", httpStatus: statusCode, retryAfter };
}

/** The codes of OpenSSL's certificate checks, and of a peer that doesn't speak TLS. */
const TLS_CODES =
  /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH$|INVALID_|CRL_)/;

function toFailure(error: unknown): WebhookAnswer {
  const isTls = TLS_CODES.test(errorCode(error));
  return { outcome: isTls ? "tls_failed" : "unreachable", httpStatus: null };
}

/** `undefined` once the deadline is over. */
async function withDeadline<Result>(work: Promise<Result>, deadline: AbortSignal): Promise<Result | undefined> {
  const { promise: over, resolve: endWait } = Promise.withResolvers<undefined>();
  const end = () => {
    endWait(undefined);
  };
  deadline.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([work, over]);
  } finally {
    deadline.removeEventListener("abort", end);
  }
}

/**
 * Asks the DNS. Not the system's resolver, which blocks one of the few threads that also check signatures and passwords, for as long
 * as a slow name server likes. So names in a hosts file aren't found, but for `localhost` (RFC 6761 §6.3).
 */
export async function resolveByDns(hostname: string): Promise<readonly string[]> {
  if (/(?:^|\.)localhost\.?$/i.test(hostname)) return ["127.0.0.1", "::1"];
  const resolver = new Resolver({ timeout: DNS_QUERY_MS, tries: DNS_QUERIES });
  const results = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
}
