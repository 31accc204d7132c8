import { keyFileName, shell } from "./snippets.ts";
import type { ProofSubject } from "../key/key-proof.ts";

/**
 * Shell commands that print a proof of possession, with openssl alone. They run where the private key is, which never leaves that
 * machine.
 */
export function proofCommand({ audience, username, nonce }: ProofSubject): string {
  const claims = JSON.stringify({ aud: audience, sub: username, nonce }).slice(0, -1);
  return `base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

header=$(printf %s '{"alg":"RS256","typ":"key-proof+jwt"}' | base64url)
claims=$(printf '%s,"iat":%s}' ${shell(claims)} "$(date +%s)" | base64url)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign ${shell(keyFileName(username))} | base64url)
echo "$header.$claims.$signature"
`;
}
