/**
 * Assertions as a client without a library makes them, in any form that a test needs. Independent of the server's
 * sources.
 */
import { type KeyObject, sign } from "node:crypto";

const DIGESTS: Readonly<Record<string, string>> = { RS256: "sha256", RS384: "sha384", RS512: "sha512" };

export interface AssertionOptions {
  /** Members beside, or in place of, `alg` and `typ`; `undefined` leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** The same for `username` and `iat`, which is now by default. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** An assertion for the exchange. */
export function signAssertion(username: string, privateKey: KeyObject, options: AssertionOptions = {}): string {
  const header = { alg: "RS256", typ: "JWT", ...options.header };
  return signParts(header, { username, iat: Date.now() / 1000, ...options.claims }, privateKey);
}

/**
 * A compact JWS of any two parts; see {@link encodePart}. Its signature verifies, by the digest that the header's `alg` names,
 * or SHA-256 if that is no RSA algorithm.
 */
export function signParts(header: unknown, claims: unknown, privateKey: KeyObject): string {
  const text = encodeParts(header, claims);
  const { alg } = Object(header) as { readonly alg?: unknown };
  const digest = typeof alg === "string" && Object.hasOwn(DIGESTS, alg) ? DIGESTS[alg] : undefined;
  return `${text}.${sign(digest ?? "sha256", Buffer.from(text), privateKey).toString("base64url")}`;
}

/** Both parts, encoded and joined by a dot: what a signature covers. */
export function encodeParts(header: unknown, claims: unknown): string {
  return `${encodePart(header)}.${encodePart(claims)}`;
}

/** JSON in base64url. A `string` or `Buffer` is used unchanged, so that a test can write what no library would. */
export function encodePart(part: unknown): string {
  const bytes = Buffer.isBuffer(part) ? part : Buffer.from(typeof part === "string" ? part : JSON.stringify(part));
  return bytes.toString("base64url");
}
