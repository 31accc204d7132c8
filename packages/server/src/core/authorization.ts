import { Refusal } from "./refusal.ts";

/**
 * Reads the credential from an `Authorization` header: `<scheme> <credential>`. The scheme is case-insensitive and followed by one
 * or more spaces (RFC 9110 §11.1, §11.4).
 *
 * @param schemes the accepted schemes, the recommended one first
 * @throws {Refusal} `authorization_missing`, `authorization_scheme`
 */
export function parseCredential(header: string | undefined, schemes: readonly [string, ...string[]]): string {
  const [recommended] = schemes;
  if (header === undefined || header === "") {
    throw new Refusal("authorization_missing", "The request has no Authorization header.", {
      hint: `Send "Authorization: ${recommended} …". If the client did, a proxy on the way may have removed it.`,
    });
  }
  const space = header.indexOf(" ");
  const scheme = space < 0 ? header : header.slice(0, space);
  // Without a scheme, this is the credential itself, so the answer must not quote it.
  const accepted = schemes.some(
    (allowed) => scheme.length === allowed.length && scheme.toLowerCase() === allowed.toLowerCase(),
  );
  if (!accepted) {
    throw new Refusal("authorization_scheme", `The Authorization header's scheme isn't ${schemes.join(" or ")}.`, {
      hint: `Send "Authorization: ${recommended} …": the word ${recommended}, a space, and the credential.`,
    });
  }
  return space < 0 ? "" : header.slice(space).replace(/^ +/, "");
}
