import { equalTexts } from "../equal-texts.ts";
import type { SigningKeyRing } from "../signing-keys/ring.ts";
import { decodePayload, splitToken, type TokenClaims } from "./token-codec.ts";
import type { SigningKeys } from "../signing-keys/signing-keys.ts";

/** Why a text isn't a token of this service. For logs and operators, never for the token's holder. */
export type TokenDefect = "malformed" | "unknown_signing_key" | "wrong_mac";

/** Signing keys that may change, such as those of a {@link SigningKeyRing}, or fixed ones. */
export type LatestSigningKeys = SigningKeys & Partial<Pick<SigningKeyRing, "ready" | "readUnknown">>;

/**
 * Like {@link verifyToken}, but with the current signing keys. The result is a promise only if the store must be read.
 *
 * @throws {Refusal} `unavailable` if the store must be read and can't be
 */
export function verifyTokenNow(
  signingKeys: LatestSigningKeys,
  text: string,
): TokenClaims | TokenDefect | Promise<TokenClaims | TokenDefect> {
  const notReady = signingKeys.ready?.();
  if (notReady !== undefined) return notReady.then(() => verifyToken(signingKeys, text));
  const claims = verifyToken(signingKeys, text);
  const reading = claims === "unknown_signing_key" ? signingKeys.readUnknown?.() : undefined;
  return reading === undefined ? claims : reading.then(() => verifyToken(signingKeys, text));
}

/** Checks a token's form and MAC, not its expiry or its key. The MAC is compared, in constant time, before the payload is parsed. */
export function verifyToken(signingKeys: SigningKeys, text: string): TokenClaims | TokenDefect {
  const token = splitToken(text);
  if (token === undefined) return "malformed";
  const mac = signingKeys.mac(token.signingKeyNumber, token.signedText);
  if (mac === undefined) return "unknown_signing_key";
  if (!equalTexts(mac, token.unverifiedMac)) return "wrong_mac";
  return decodePayload(token.unverifiedPayload) ?? "malformed";
}
