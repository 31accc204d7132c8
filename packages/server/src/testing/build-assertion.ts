import { type KeyObject, sign } from "node:crypto";
import { EXAMPLE_NOW_MICROSECONDS } from "./test-clock.ts";

const DIGESTS: Readonly<Record<string, string>> = { RS256: "sha256", RS384: "sha384", RS512: "sha512" };

/** What an assertion is to say. A `string` or `Buffer` goes in as it is, so that a test can write what no library would. */
export interface AssertionParts {
  readonly header?: unknown;
  readonly claims?: unknown;
}

/** Claims that are accepted at {@link EXAMPLE_NOW_MICROSECONDS}. */
export function exampleClaims(username = "api-1-demo", issuedAtSeconds = EXAMPLE_NOW_MICROSECONDS / 1e6) {
  return { username, iat: issuedAtSeconds };
}

/** Header and claims, encoded and joined by a dot: what a signature covers. */
export function signingInput({ header = { alg: "RS256", typ: "JWT" }, claims = exampleClaims() }: AssertionParts) {
  return `${encodePart(header)}.${encodePart(claims)}`;
}

/** An assertion with a signature that verifies, by the digest that the header's `alg` names (SHA-256 where it is none). */
export function buildAssertion(privateKey: KeyObject, parts: AssertionParts = {}): string {
  const text = signingInput(parts);
  const { alg } = (parts.header ?? {}) as { alg?: unknown };
  const digest = (typeof alg === "string" ? DIGESTS[alg] : undefined) ?? "sha256";
  return `${text}.${sign(digest, Buffer.from(text), privateKey).toString("base64url")}`;
}

/** An assertion whose signature is 256 bytes that nobody computed: for what is refused before the signature is looked at. */
export function unsignedAssertion(parts: AssertionParts = {}): string {
  return `${signingInput(parts)}.${Buffer.alloc(256, 1).toString("base64url")}`;
}

/** JSON in base64url; a `string` or `Buffer` isn't turned into JSON first. */
export function encodePart(part: unknown): string {
  const bytes = Buffer.isBuffer(part) ? part : Buffer.from(typeof part === "string" ? part : JSON.stringify(part));
  return bytes.toString("base64url");
}

/** Claims of an OAuth client that are accepted at {@link EXAMPLE_NOW_MICROSECONDS} at the token endpoint of `https://auth.example`. */
export function exampleClientClaims(username = "api-1-demo", jti = "example"): Record<string, unknown> {
  const exp = Math.floor(EXAMPLE_NOW_MICROSECONDS / 1e6) + 60;
  return { iss: username, sub: username, aud: "https://auth.example/oauth2/token", exp, jti };
}
