import { equalTexts } from "../equal-texts.ts";
import { decodePayload, splitToken, type TokenClaims } from "./token-codec.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** Why a text isn't a token of this service. For logs and operators, never for the token's holder. */
export type TokenDefect = "malformed" | "unknown_signing_key" | "wrong_mac";

/**
 * Checks a token's form and MAC, not its time or its key. The MAC is compared, in constant time, before the payload is read.
 */
export function verifyToken(signingKeys: SigningKeys, text: string): TokenClaims | TokenDefect {
  const token = splitToken(text);
  if (token === undefined) return "malformed";
  const mac = signingKeys.mac(token.signingKeyNumber, token.signedText);
  if (mac === undefined) return "unknown_signing_key";
  if (!equalTexts(mac, token.unverifiedMac)) return "wrong_mac";
  return decodePayload(token.unverifiedPayload) ?? "malformed";
}
