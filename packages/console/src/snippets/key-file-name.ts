/** The file in which the browser's download puts the private key. */
export function keyFileName(username: string): string {
  return `${username}.pem`;
}
