import { encodePayload, type TokenClaims } from "./token-codec.ts";
import type { SigningKeys } from "../signing-keys/signing-keys.ts";

/** Mints a token under the current signing key. Nothing is stored. */
export function mintToken(signingKeys: SigningKeys, claims: TokenClaims): string {
  const number = signingKeys.currentNumber;
  const signedText = `${number}.${encodePayload(claims)}`;
  const mac = signingKeys.mac(number, signedText);
  if (mac === undefined) throw new Error(`signing key ${number} is current but can't sign`);
  return `${signedText}.${mac}`;
}
