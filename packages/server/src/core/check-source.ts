import { compileNetworks, isInNetworks, type Networks } from "./networks.ts";
import { Refusal } from "./refusal.ts";

/** The networks to which an API user or one of its keys is limited. A key is used within all limits that concern it. */
export interface NetworkLimit {
  readonly of: "user" | "key";
  readonly networks: Networks;
  /** The same in canonical form, for an explanation. */
  readonly texts: readonly string[];
}

/** Makes the limit of a user or a key. @param texts in canonical form @throws {Error} for any other text */
export function limitTo(of: NetworkLimit["of"], texts: readonly string[]): NetworkLimit {
  return { of, networks: compileNetworks(texts), texts };
}

/**
 * Why the client's address can't be known.
 *
 * - `proxy_untrusted`: the request came through a proxy that isn't trusted, or the service is configured for a proxy but trusts none
 * - `proxy_silent`: the request came from a trusted proxy that names no client
 * - `unreadable`: what stands in an address's place isn't one
 */
export type SourceProblem = "proxy_untrusted" | "proxy_silent" | "unreadable";

/** Where a request came from: the client's address in canonical form, or why it can't be known. */
export type Source = { readonly address: string } | { readonly problem: SourceProblem };

/** Finds a request's source. It is called only if a limit applies. */
export type FindSource = () => Source;

/**
 * Checks that a request came from the networks to which its user and its key are limited. Every limit must admit the address; an
 * address that can't be known is refused.
 *
 * Call it only after the signature or the token is verified: before, the refusal would tell a stranger that the user exists and that
 * it is limited.
 *
 * @throws {Refusal} `source_not_allowed`
 */
export function checkSource(limits: readonly NetworkLimit[], findSource: FindSource): void {
  if (limits.length === 0) return;
  const source = findSource();
  if ("problem" in source) throw unknownSource(limits, source.problem);
  const exceeded = limits.find(({ networks }) => !isInNetworks(networks, source.address));
  if (exceeded === undefined) return;
  throw new Refusal("source_not_allowed", `${subjectOf(exceeded)}, and ${source.address} isn't in one of them.`, {
    hint: "Send the request from an allowed network, or ask the administrator of this service to allow this one.",
  });
}

function unknownSource([limit]: readonly NetworkLimit[], problem: SourceProblem): Refusal {
  const [why, hint] = UNKNOWN_SOURCES[problem];
  return new Refusal(
    "source_not_allowed",
    `${limit && subjectOf(limit)}, and this request's address isn't known: ${why}.`,
    {
      hint,
    },
  );
}

function subjectOf({ of }: NetworkLimit): string {
  return `${of === "user" ? "This API user" : "This key"} may be used only from certain networks`;
}

const UNKNOWN_SOURCES = {
  proxy_untrusted: [
    "it came through a proxy that isn't trusted",
    "Ask the administrator of this service to add the proxy's address to COUNTERSIGN_TRUSTED_PROXIES.",
  ],
  proxy_silent: [
    "the proxy that sent it names no client",
    "Ask the administrator of this service to have the proxy set X-Forwarded-For.",
  ],
  unreadable: [
    "what the proxy or the connection names isn't an IP address",
    "Ask the administrator of this service to have the proxy set X-Forwarded-For to the client's address.",
  ],
} as const satisfies Record<SourceProblem, readonly [why: string, hint: string]>;
