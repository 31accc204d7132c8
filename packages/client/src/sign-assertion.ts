import { base64urlOf, base64urlOfText } from "./base64.ts";
import { keyUnusable } from "./key/key-problem.ts";
import type { SigningKey } from "./key/load-signing-key.ts";

/**
 * An assertion: a compact JWS (RFC 7515 §3.1) of the two claims that the exchange needs.
 *
 * @param nowSeconds seconds since the epoch by the server's clock, as far as it is known; fractions stay
 * @throws {CountersignError} `key_unusable` where the platform won't sign with the key
 */
export async function signAssertion(
  { key, algorithm }: SigningKey,
  username: string,
  nowSeconds: number,
): Promise<string> {
  const header = base64urlOfText(JSON.stringify({ alg: algorithm, typ: "JWT" }));
  const claims = base64urlOfText(JSON.stringify({ username, iat: nowSeconds }));
  const signed = `${header}.${claims}`;
  try {
    const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", key, new TextEncoder().encode(signed));
    return `${signed}.${base64urlOf(new Uint8Array(signature))}`;
  } catch {
    throw keyUnusable("refused");
  }
}
