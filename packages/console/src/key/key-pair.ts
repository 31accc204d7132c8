/** Key pairs made in the browser. The private key never leaves this folder except as a download. */
import { offerDownload } from "../ui/offer-download.ts";
import { toPem } from "./pem.ts";

/** Offered strengths in bits. The first is enough for the years such a key is in use (NIST SP 800-57). */
export const KEY_BITS = [2048, 3072, 4096] as const;
export type KeyBits = (typeof KEY_BITS)[number];

/**
 * A key pair made here. The private key exists only as bytes inside this object, in no React state, cache or storage; `forget`
 * overwrites them.
 */
export interface KeyPair {
  readonly publicPem: string;
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
    // WebCrypto requires a hash; it isn't part of the exported keys.
    { name: "RSASSA-PKCS1-v1_5", modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    true,
    ["sign", "verify"],
  );
  const publicPem = toPem("PUBLIC KEY", new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)));
  const privateDer = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  let isForgotten = false;
  return {
    publicPem,
    download(fileName) {
      if (isForgotten) return;
      offerDownload(fileName, toPem("PRIVATE KEY", privateDer), "application/x-pem-file");
    },
    forget() {
      isForgotten = true;
      privateDer.fill(0);
    },
  };
}
