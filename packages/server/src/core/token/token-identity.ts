import type { TokenClaims } from "./token-codec.ts";

/** What identifies a token. It can't be used as the token, because it lacks the MAC. */
export type TokenIdentity = Pick<TokenClaims, "keyId" | "expiresAtSeconds" | "nonce">;

/** A token's public id: `jti` in introspection (RFC 7662 §2.2) and on the change feed. */
export function formatTokenId({ keyId, expiresAtSeconds, nonce }: TokenIdentity): string {
  return `${keyId}-${expiresAtSeconds}-${nonce}`;
}

/** Parses what {@link formatTokenId} writes; `undefined` for anything else. */
export function parseTokenId(text: string): TokenIdentity | undefined {
  const numbers = /^([0-9]{1,10})-([0-9]{1,10})-([0-9]{1,10})$/.exec(text)?.slice(1).map(Number);
  if (numbers === undefined) return undefined;
  const [keyId, expiresAtSeconds, nonce] = numbers as [number, number, number];
  const token = { keyId, expiresAtSeconds, nonce };
  // Each token has one id: no leading zeros, no numbers beyond 32 bits.
  const isWritten = Math.max(...numbers) <= 0xffff_ffff && formatTokenId(token) === text;
  return isWritten ? token : undefined;
}
