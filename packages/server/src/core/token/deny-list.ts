import type { TokenIdentity } from "./token-identity.ts";

/**
 * How long a revoked token or a used assertion is kept after its expiry, in seconds. It is refused as expired anyway; the margin
 * covers clocks that step back and nodes whose clocks differ.
 */
export const KEPT_AFTER_EXPIRY_SECONDS = 600;

/** A set of revoked tokens, in memory. */
export interface DenyList {
  add(token: TokenIdentity): void;
  has(token: TokenIdentity): boolean;
  /** Forgets tokens that expired before this. */
  forgetExpired(beforeSeconds: number): void;
  /** The number of tokens. */
  readonly size: number;
}

/**
 * Creates an empty deny-list.
 *
 * Tokens are grouped by the second of their expiry, so that forgetting needs no search. Within a second, a token is one number made
 * of its key id and nonce. These have 64 bits, but a number has only 53: with key ids above two million, one in 2^32 pairs of tokens
 * with nearby key ids and the same second collides. The client of the other token must then exchange an assertion for a new one.
 */
export function createDenyList(): DenyList {
  const bySecond = new Map<number, Set<number>>();
  let size = 0;
  return {
    add(token) {
      let tokens = bySecond.get(token.expiresAtSeconds);
      if (tokens === undefined) {
        tokens = new Set();
        bySecond.set(token.expiresAtSeconds, tokens);
      }
      size -= tokens.size;
      tokens.add(withinSecond(token));
      size += tokens.size;
    },
    has: (token) => bySecond.get(token.expiresAtSeconds)?.has(withinSecond(token)) === true,
    forgetExpired(beforeSeconds) {
      for (const [second, tokens] of bySecond) {
        if (second >= beforeSeconds) continue;
        bySecond.delete(second);
        size -= tokens.size;
      }
    },
    get size() {
      return size;
    },
  };
}

function withinSecond({ keyId, nonce }: TokenIdentity): number {
  return keyId * 2 ** 32 + nonce;
}
