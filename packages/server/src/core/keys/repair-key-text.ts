/**
 * Repairs the text of a key after copying: escaped line breaks, quotation marks, other dashes, base64 around PEM. It serves public and
 * private keys. Nothing here decides whether a text is a key, or keeps any part of it.
 */
import { bytesOfBase64, keyTextOfBytes } from "@countersign/protocol";

/** Nested quotes, such as those of a .env file, a shell and a deployment tool. More layers aren't accidental. */
const QUOTE_LAYERS_MAX = 3;

/** Hyphens, dashes and minus signs, including those that word processors substitute. */
const DASHES = /[-‐-―−﹘﹣－]+/g;

/** No label of RFC 7468 or RFC 4716 is longer, in characters. */
const LABEL_CHARACTERS_MAX = 60;

/**
 * Undoes what environment variables, `.env` files, secret stores, word processors and terminals do to a PEM text: quotes around it,
 * line breaks written as `\n` (even escaped twice), other dashes, invisible characters, base64 around all of it. Returns any other
 * text trimmed and otherwise unchanged.
 *
 * Not for JSON, which has escapes of its own: see {@link isJson}.
 */
export function repairKeyText(text: string): string {
  const plain = repairLines(text);
  if (plain.includes("-----")) return plain;
  // Base64 of the whole text, used to pass it as one line. Its own line breaks may be escaped too.
  const bytes = bytesOfBase64(plain);
  const inner = bytes === undefined ? "" : repairLines(keyTextOfBytes(bytes));
  return inner.includes("-----BEGIN ") || isJson(inner) || inner.startsWith("ssh-rsa ") ? inner : plain;
}

/** Removes invisible characters: byte order marks, zero-width characters, NUL. Trims white space. */
export function withoutInvisible(text: string): string {
  return text.replaceAll(/[\0\u00ad\u200b-\u200d\u2060\ufeff]/g, "").trim();
}

/** Does it look like a JSON object or array? */
export function isJson(text: string): boolean {
  return text.startsWith("{") || text.startsWith("[");
}

/** A block between two markers. `endLabel` is `undefined` if the second marker is missing. */
export interface PemBlock {
  readonly label: string;
  readonly body: string;
  readonly endLabel: string | undefined;
}

/** The PEM blocks of a repaired text, in order (RFC 7468; RFC 4716 with markers of the same form). */
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
    // Match a whole run of backslashes with the following character, so that no backslash is processed twice.
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

/** Gives each marker five dashes and a trimmed label. */
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
