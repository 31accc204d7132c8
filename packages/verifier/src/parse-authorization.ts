import { TOKEN_SCHEME } from "@countersign/protocol";

/** A scheme that carries a token. */
export type TokenScheme = typeof TOKEN_SCHEME | "Bearer";

/** A credential, or why there is none; and the scheme, to answer in. */
export type Authorization =
  | { readonly scheme: TokenScheme; readonly token: string }
  /** `repeated`: several credentials; what stands before this API may have looked at another one. */
  | { readonly defect: "missing" | "scheme" | "repeated"; readonly scheme: TokenScheme };

/**
 * Reads an `Authorization` header: `<scheme> <token>`, the scheme `Token` or `Bearer` compared without regard to case and
 * followed by one or more spaces (RFC 9110 §11.1, §11.4). Whether the token can be one is {@link isTokenForm}'s to say.
 *
 * @param value one value, or all values where the header was repeated. A repeated header may also come as one value joined
 *   with commas, as `Headers` of the Fetch standard do; no token has a comma in it
 */
export function parseAuthorization(value: string | readonly string[] | null | undefined): Authorization {
  const header = typeof value === "string" ? value : (value?.[0] ?? "");
  if (header === "") return { defect: "missing", scheme: TOKEN_SCHEME };
  const space = header.indexOf(" ");
  const scheme = parseScheme(space < 0 ? header : header.slice(0, space));
  const isRepeated = typeof value === "object" && value !== null && value.length > 1;
  if (isRepeated) return { defect: "repeated", scheme: scheme ?? TOKEN_SCHEME };
  if (scheme === undefined) return { defect: "scheme", scheme: TOKEN_SCHEME };
  if (header.includes(",")) return { defect: "repeated", scheme };
  return { scheme, token: space < 0 ? "" : header.slice(space).replace(/^ +/, "") };
}

function parseScheme(text: string): TokenScheme | undefined {
  // `i` without `u` knows ASCII letters only, where `toLowerCase` makes a k of the Kelvin sign.
  if (/^bearer$/i.test(text)) return "Bearer";
  return /^token$/i.test(text) ? TOKEN_SCHEME : undefined;
}

/** The number of a signing key, a payload of 5 to 21 bytes, a MAC of 32 bytes; the last two in base64url. */
const TOKEN_FORM = /^[1-9][0-9]{0,9}\.[A-Za-z0-9_-]{8,28}\.[A-Za-z0-9_-]{43}$/;

/**
 * Could this be a token? Anything else is refused here, so that it neither travels nor takes up memory. Of a text of any length
 * no more than a token's 83 characters are looked at.
 */
export function isTokenForm(text: string): boolean {
  return TOKEN_FORM.test(text);
}
