import { bytesOfBase64 } from "../base64.ts";

/** Most characters that a private key's text may have; one of 8192 bits has 6,400. */
export const KEY_TEXT_CHARACTERS_MAX = 65_536;

/** Quotes within quotes, as a .env file's in a shell's in a deployment's. More of them aren't an accident. */
const QUOTE_LAYERS_MAX = 3;

/**
 * Undoes what environment variables, `.env` files and secret stores do to a PEM text: quotes around it, line ends
 * written as `\n` (even twice escaped), all of it in base64. Line ends that are CRLF or missing, or became spaces, need
 * no repair: the body of a PEM block is read without white space, to which JavaScript counts a byte order mark.
 *
 * A text in which there is nothing to undo comes back as it was.
 */
export function repairKeyText(text: string): string {
  const plain = unescapeLineEnds(unquote(text));
  if (plain.includes("-----BEGIN")) return plain;
  // Base64 of a whole PEM text, as people make it to get it through in one line. Its own line ends may be escaped, too.
  const bytes = bytesOfBase64(plain);
  const inner = bytes === undefined ? "" : new TextDecoder().decode(bytes);
  return inner.includes("-----BEGIN") ? unescapeLineEnds(unquote(inner)) : plain;
}

function unquote(text: string): string {
  let inner = text.trim();
  for (let layer = 0; layer < QUOTE_LAYERS_MAX && /^(["'`]).*\1$/s.test(inner); layer++) {
    inner = inner.slice(1, -1).trim();
  }
  return inner;
}

function unescapeLineEnds(text: string): string {
  return text.replaceAll(/\\+r/g, "").replaceAll(/\\+n/g, "\n");
}
