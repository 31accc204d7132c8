/** A public key with this modulus, as a JWK's text. @param e base64url */
export function publicKeyText(modulus: bigint, e = "AQAB"): string {
  const hex = modulus.toString(16);
  const n = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").toString("base64url");
  return JSON.stringify({ kty: "RSA", n, e });
}
