/** Key pairs made in the browser. The private key never leaves this folder except as a download. */
import { offerDownload } from "../ui/offer-download.ts";
import { makeKeyProof, type ProofSubject } from "./key-proof.ts";
import { toPem } from "./pem.ts";

/** Offered strengths in bits. The first is enough for the years such a key is in use (NIST SP 800-57). */
export const KEY_BITS = [2048, 3072, 4096] as const;
export type KeyBits = (typeof KEY_BITS)[number];

/** RS256 (RFC 7518 §3.3). WebCrypto requires a hash; it isn't part of the exported keys. */
const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

/**
 * A key pair made here. The private key exists only as bytes and as a handle inside this object, in no React state, cache or storage;
 * `forget` overwrites the bytes and drops the handle.
 */
export interface KeyPair {
  readonly publicPem: string;
  /** Proves to the service that the private key is at hand. @returns `undefined` once the pair is forgotten */
  prove(subject: ProofSubject): Promise<string | undefined>;
  /** Downloads the private key as PKCS #8 in PEM. */
  download(fileName: string): void;
  forget(): void;
}

/** Browsers offer WebCrypto only where the page can't have been changed in transit (W3C Secure Contexts). */
export function canMakeKeyPair(): boolean {
  return window.isSecureContext && crypto.subtle !== undefined;
}

/** Makes an RSA key pair for RS256, RS384 and RS512. */
export async function makeKeyPair(bits: KeyBits): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey(
    { ...RS256, modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ["sign", "verify"],
  );
  const publicPem = toPem("PUBLIC KEY", new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)));
  const privateDer = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  let privateKey: CryptoKey | undefined = pair.privateKey;
  return {
    publicPem,
    async prove(subject) {
      const key = privateKey;
      if (key === undefined) return undefined;
      return makeKeyProof(subject, async (input) => new Uint8Array(await crypto.subtle.sign(RS256.name, key, input)));
    },
    download(fileName) {
      if (privateKey === undefined) return;
      offerDownload(fileName, toPem("PRIVATE KEY", privateDer), "application/x-pem-file");
    },
    forget() {
      privateKey = undefined;
      privateDer.fill(0);
    },
  };
}
