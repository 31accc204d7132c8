/** How many characters a password has, as the server counts them: code points of the form that it hashes. */
export function passwordLength(password: string): number {
  return Array.from(password.normalize("NFKC")).length;
}
