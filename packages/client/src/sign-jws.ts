import { base64urlOf, base64urlOfText } from "./base64.ts";
import { keyUnusable } from "./key/key-problem.ts";
import type { SigningKey } from "./key/load-signing-key.ts";

/**
 * An assertion of the two claims that the exchange needs.
 *
 * @param nowSeconds seconds since the epoch by the server's clock, as far as it is known; fractions stay
 * @param audience the endpoint that it is for, if that isn't the exchange
 * @throws {CountersignError} `key_unusable` where the platform won't sign with the key
 */
export async function signAssertion(
  key: SigningKey,
  username: string,
  nowSeconds: number,
  audience?: string,
): Promise<string> {
  return await signJws(key, "JWT", { username, iat: nowSeconds, ...(audience !== undefined && { aud: audience }) });
}

/**
 * A compact JWS (RFC 7515 §3.1) of these claims. It names its key: without a name, the service tries a user's two newest
 * keys only, and the one that was rotated away may not be among them.
 *
 * @throws {CountersignError} `key_unusable`
 */
export async function signJws({ key, algorithm, kid }: SigningKey, typ: string, claims: object): Promise<string> {
  const signed = [{ alg: algorithm, typ, kid }, claims].map((part) => base64urlOfText(JSON.stringify(part))).join(".");
  try {
    const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", key, new TextEncoder().encode(signed));
    return `${signed}.${base64urlOf(new Uint8Array(signature))}`;
  } catch {
    throw keyUnusable("refused");
  }
}
