/**
 * What stands between a key and the text in which people hand it over: escaped line ends, quotation marks, other dashes, base64 around
 * a PEM text. Public and private keys' texts suffer the same. Nothing here decides what a key is, or keeps any of a text.
 */
import { bytesOfBase64, keyTextOfBytes } from "@countersign/protocol";

/** Quotes within quotes, as a .env file's in a shell's in a deployment's. More of them aren't an accident. */
const QUOTE_LAYERS_MAX = 3;

/** Hyphens, dashes and minus signs, and what word processors make of them. */
const DASHES = /[-‐-―−﹘﹣－]+/g;

/** No label of RFC 7468 or RFC 4716 is longer, in characters. */
const LABEL_CHARACTERS_MAX = 60;

/**
 * Undoes what environment variables, `.env` files, secret stores, word processors and consoles do to a PEM text: quotes around it,
 * line ends written as `\n` (even twice escaped), other dashes, characters that can't be seen, all of it in base64. A text in which
 * there is nothing to undo comes back as it was, without white space around it.
 *
 * Not for JSON, which has escapes of its own: see {@link isJson}.
 */
export function repairKeyText(text: string): string {
  const plain = repairLines(text);
  if (plain.includes("-----")) return plain;
  // Base64 of a whole text, as people make it to get it through in one line. Its own line ends may be escaped, too.
  const bytes = bytesOfBase64(plain);
  const inner = bytes === undefined ? "" : repairLines(keyTextOfBytes(bytes));
  return inner.includes("-----BEGIN ") || isJson(inner) || inner.startsWith("ssh-rsa ") ? inner : plain;
}

/** Removes what can't be seen and isn't meant: byte order marks, zero-width characters, NUL. */
export function withoutInvisible(text: string): string {
  return text.replaceAll(/[\0\u00ad\u200b-\u200d\u2060\ufeff]/g, "").trim();
}

/** Does it look like a JSON object or array? */
export function isJson(text: string): boolean {
  return text.startsWith("{") || text.startsWith("[");
}

/** A block between two markers; the label of the second is `undefined` where that is missing. */
export interface PemBlock {
  readonly label: string;
  readonly body: string;
  readonly endLabel: string | undefined;
}

/** The blocks of a repaired text (RFC 7468; RFC 4716 in the same spelling), in their order. */
export function findPemBlocks(text: string): readonly PemBlock[] {
  const markers = [...text.matchAll(/-----(BEGIN|END) ([A-Z0-9 ]{1,60}?)-----/g)];
  return markers.flatMap((marker, at) => {
    const [whole, kind, label = ""] = marker;
    if (kind !== "BEGIN") return [];
    const next = markers[at + 1];
    const isEnd = next?.[1] === "END";
    const body = text.slice(marker.index + whole.length, isEnd ? next.index : undefined);
    return [{ label, body, endLabel: isEnd ? next[2] : undefined }];
  });
}

function repairLines(text: string): string {
  const lines = unquote(withoutInvisible(text))
    // The whole run with what is behind it, so that no backslash is looked at twice.
    .replaceAll(/(\\+)([nr]?)/g, (_, run: string, escaped: string) =>
      escaped === "n" ? "\n" : escaped === "r" ? "" : run,
    )
    .replaceAll("\r", "");
  return repairMarkers(lines).trim();
}

function unquote(text: string): string {
  let inner = text;
  for (let layer = 0; layer < QUOTE_LAYERS_MAX && /^(?:(["'`])[^]*\1|[“„][^]*[”“])$/.test(inner); layer++) {
    inner = inner.slice(1, -1).trim();
  }
  return inner;
}

/** Gives each marker its five dashes and its label without spaces around. */
function repairMarkers(text: string): string {
  const dashed = text.replace(DASHES, (run: string, at: number) => {
    const behind = text.slice(at + run.length, at + run.length + LABEL_CHARACTERS_MAX);
    const before = text.slice(Math.max(0, at - LABEL_CHARACTERS_MAX), at);
    return /^[ \t\u00a0]*(?:BEGIN|END)[ \t\u00a0]/.test(behind) ||
      /(?:BEGIN|END)[ \t\u00a0][A-Z0-9 \t\u00a0]+$/.test(before)
      ? "-----"
      : run;
  });
  return dashed.replaceAll(
    /-----[ \t\u00a0]*(BEGIN|END)[ \t\u00a0]+([A-Z0-9 \t\u00a0]{1,60}?)[ \t\u00a0]*-----/g,
    (_, kind: string, label: string) => `-----${kind} ${label.replaceAll(/\s+/g, " ")}-----`,
  );
}
