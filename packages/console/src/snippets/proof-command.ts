import { proofClaims, type ProofSubject } from "../key/key-proof.ts";
import { keyFileName } from "./key-file-name.ts";
import { shell } from "./quoting.ts";

/**
 * Shell commands that print a proof of possession, with openssl alone. They run where the private key is, which never leaves that
 * machine.
 */
export function proofCommand(subject: ProofSubject): string {
  return `base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

header=$(printf %s '{"alg":"RS256","typ":"key-proof+jwt"}' | base64url)
claims=$(printf %s ${shell(JSON.stringify(proofClaims(subject)))} | base64url)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign ${shell(keyFileName(subject.username))} | base64url)
echo "$header.$claims.$signature"
`;
}
