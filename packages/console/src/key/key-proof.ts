/** What a proof is about: the service, the API user that gets the key, and a nonce that works once. */
export interface ProofSubject {
  /** The public URL of the service. */
  readonly audience: string;
  readonly username: string;
  readonly nonce: string;
  /** When the service handed out the nonce, in seconds since the epoch. The proof names this time, so no other clock matters. */
  readonly issuedAtSeconds: number;
}

/** The claims of a proof. */
export function proofClaims({ audience, username, nonce, issuedAtSeconds }: ProofSubject) {
  return { aud: audience, sub: username, nonce, iat: issuedAtSeconds };
}

/**
 * A proof of possession: a JWS (RFC 7515) signed with the private key of a new key pair. Its `typ` differs from an assertion's, so it
 * never gets a token.
 *
 * @param sign signs by RSASSA-PKCS1-v1_5 with SHA-256
 */
export async function makeKeyProof(
  subject: ProofSubject,
  sign: (input: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
): Promise<string> {
  const encode = (part: object) => toBase64Url(new TextEncoder().encode(JSON.stringify(part)));
  const header = encode({ alg: "RS256", typ: "key-proof+jwt" });
  const claims = encode(proofClaims(subject));
  const signature = await sign(new TextEncoder().encode(`${header}.${claims}`));
  return `${header}.${claims}.${toBase64Url(signature)}`;
}

function toBase64Url(bytes: Uint8Array): string {
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
