import { offerDownload } from "../forms/offer-download.ts";
import { toPem } from "./pem.ts";

/** Strengths that are offered, in bits; the first is plenty for the years that such a key is in use (NIST SP 800-57). */
export const KEY_BITS = [2048, 3072, 4096] as const;
export type KeyBits = (typeof KEY_BITS)[number];

/**
 * A pair that was made here. The private half is bytes in this object and nowhere else: no state of React's, no cache, no storage
 * holds it, and `forget` overwrites them.
 */
export interface KeyPair {
  readonly publicPem: string;
  /** Offers the private half as a file, PKCS #8 in PEM. */
  download(fileName: string): void;
  forget(): void;
}

/** Browsers give pages the means only where nobody in between could have changed the page (W3C Secure Contexts). */
export function canMakeKeyPair(): boolean {
  return window.isSecureContext && crypto.subtle !== undefined;
}

/** Makes an RSA pair for RS256, RS384 and RS512, in the browser. */
export async function makeKeyPair(bits: KeyBits): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey(
    // The hash matters to WebCrypto alone; it isn't part of what is exported.
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
