import type { KeyObject } from "node:crypto";
import { encodeParts, signParts } from "../../../../test/testkit/sign-assertion.ts";
import { EXAMPLE_NOW_MICROSECONDS } from "./test-clock.ts";

/** What an assertion says instead of the example. A `string` or `Buffer` is used unchanged. */
export interface AssertionParts {
  readonly header?: unknown;
  readonly claims?: unknown;
}

/** Claims that are accepted at {@link EXAMPLE_NOW_MICROSECONDS}. */
export function exampleClaims(username = "api-1-demo", issuedAtSeconds = EXAMPLE_NOW_MICROSECONDS / 1e6) {
  return { username, iat: issuedAtSeconds };
}

/** Claims of an OAuth client that are accepted at {@link EXAMPLE_NOW_MICROSECONDS} at the token endpoint of `https://auth.example`. */
export function exampleClientClaims(username = "api-1-demo", jti = "example"): Record<string, unknown> {
  const exp = Math.floor(EXAMPLE_NOW_MICROSECONDS / 1e6) + 60;
  return { iss: username, sub: username, aud: "https://auth.example/oauth2/token", exp, jti };
}

const EXAMPLE_HEADER = { alg: "RS256", typ: "JWT" };

/** An assertion with a signature that verifies; see {@link signParts}. */
export function buildAssertion(privateKey: KeyObject, parts: AssertionParts = {}): string {
  const { header = EXAMPLE_HEADER, claims = exampleClaims() } = parts;
  return signParts(header, claims, privateKey);
}

/** What its signature covers. */
export function signingInput({ header = EXAMPLE_HEADER, claims = exampleClaims() }: AssertionParts): string {
  return encodeParts(header, claims);
}

/** An assertion whose signature is 256 arbitrary bytes: for what is refused before the signature is checked. */
export function unsignedAssertion(parts: AssertionParts = {}): string {
  return `${signingInput(parts)}.${Buffer.alloc(256, 1).toString("base64url")}`;
}
