import { base64Of, base64urlOf } from "../base64.ts";
import { importKey, KEY_ALGORITHM, type SigningKey } from "../key/load-signing-key.ts";
import { parsePrivateKey } from "../key/parse-private-key.ts";

/** A key pair that a user is to get. */
export interface KeyPair {
  readonly signingKey: SigningKey;
  /** PKCS#8, PEM. */
  readonly privateKey: string;
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicKey: string;
}

/** Makes a new key pair. */
export async function makeKeyPair(bits: number): Promise<KeyPair> {
  const publicExponent = Uint8Array.of(1, 0, 1);
  const { privateKey } = await crypto.subtle.generateKey(
    { ...KEY_ALGORITHM, modulusLength: bits, publicExponent },
    true,
    ["sign", "verify"],
  );
  return await readKeyPair(pemOf("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", privateKey)));
}

/** Reads a private key's text, and derives its public half. @throws {CountersignError} `key_unusable` */
export async function readKeyPair(text: string): Promise<KeyPair> {
  const parsed = parsePrivateKey(text);
  const signingKey = await importKey(parsed);
  const jwk = { kty: "RSA", n: base64urlOf(parsed.modulus), e: base64urlOf(parsed.publicExponent) };
  const publicKey = await crypto.subtle.importKey("jwk", jwk, KEY_ALGORITHM, true, ["verify"]);
  return {
    signingKey,
    privateKey: pemOf("PRIVATE KEY", parsed.pkcs8),
    publicKey: pemOf("PUBLIC KEY", await crypto.subtle.exportKey("spki", publicKey)),
  };
}

/** RFC 7468: lines of 64 characters. */
function pemOf(label: string, der: ArrayBuffer | Uint8Array<ArrayBuffer>): string {
  const lines = base64Of(new Uint8Array(der)).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
