import type { TokenClaims } from "./token-codec.ts";

/** What tells a token apart from every other. It isn't the token: without the MAC, nobody can use it. */
export type TokenIdentity = Pick<TokenClaims, "keyId" | "expiresAtSeconds" | "nonce">;

/** A token's id as the outside sees it: `jti` in introspection (RFC 7662 §2.2) and on the change feed. */
export function formatTokenId({ keyId, expiresAtSeconds, nonce }: TokenIdentity): string {
  return `${keyId}-${expiresAtSeconds}-${nonce}`;
}

/** The reverse of {@link formatTokenId}; `undefined` for anything that it doesn't write. */
export function parseTokenId(text: string): TokenIdentity | undefined {
  const numbers = /^([0-9]{1,10})-([0-9]{1,10})-([0-9]{1,10})$/.exec(text)?.slice(1).map(Number);
  if (numbers === undefined) return undefined;
  const [keyId, expiresAtSeconds, nonce] = numbers as [number, number, number];
  const token = { keyId, expiresAtSeconds, nonce };
  // One spelling for each token: no leading zeros, nothing beyond 32 bits.
  const isWritten = Math.max(...numbers) <= 0xffff_ffff && formatTokenId(token) === text;
  return isWritten ? token : undefined;
}
