import type { TokenIdentity } from "./token-identity.ts";

/**
 * How long a revoked token or a used assertion is remembered beyond its expiry, in seconds. By then it has long been refused as
 * expired; the time is for clocks that step back, and for nodes whose clocks differ.
 */
export const KEPT_AFTER_EXPIRY_SECONDS = 600;

/** Tokens that were revoked one by one, in memory. */
export interface DenyList {
  add(token: TokenIdentity): void;
  has(token: TokenIdentity): boolean;
  /** Forgets tokens that expired before this. */
  forgetExpired(beforeSeconds: number): void;
  /** How many tokens are on it. */
  readonly size: number;
}

/**
 * Makes an empty deny-list.
 *
 * Tokens are kept by the second in which they expire, so that forgetting takes no search, and within a second as one number
 * of key id and nonce. A number has 53 bits and these two have 64: for key ids beyond two million, two tokens of one key range
 * and one second may count as one, once in 2^32 such pairs, and an innocent token then has to be exchanged anew.
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
