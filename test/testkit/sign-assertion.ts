/**
 * Assertions as a client without a library makes them, in any shape that a test needs. Independent of the server's sources.
 */
import { type KeyObject, sign } from "node:crypto";

const DIGESTS: Readonly<Record<string, string>> = { RS256: "sha256", RS384: "sha384", RS512: "sha512" };

export interface AssertionOptions {
  /** Members beside, or in place of, `alg` and `typ`; `undefined` leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** The same for `username` and `iat`, which is now unless given. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A compact JWS, signed by what its header's `alg` names, with SHA-256 where that is no RSA algorithm. */
export function signAssertion(username: string, privateKey: KeyObject, options: AssertionOptions = {}): string {
  const header = { alg: "RS256", typ: "JWT", ...options.header };
  const claims = { username, iat: Date.now() / 1000, ...options.claims };
  return signParts(JSON.stringify(header), JSON.stringify(claims), privateKey, DIGESTS[header.alg]);
}

/** The same from texts that may be no JSON at all. */
export function signParts(header: string, claims: string, privateKey: KeyObject, digest = "sha256"): string {
  const signed = [header, claims].map((part) => Buffer.from(part).toString("base64url")).join(".");
  return `${signed}.${sign(digest, Buffer.from(signed), privateKey).toString("base64url")}`;
}
