/** The length of a password as the server counts it: code points after NFKC, the form it hashes. */
export function passwordLength(password: string): number {
  return Array.from(password.normalize("NFKC")).length;
}
