import { findCredential, type FoundCredential, foundKind, isPrivateKey } from "@countersign/protocol";

/** Longer than any username, shortname or fingerprint. */
const SEARCH_CHARACTERS_MAX = 100;

/** What was typed into the palette. */
export type Typed =
  /** May be sent as a search, which becomes part of a URL. */
  | { readonly kind: "search"; readonly text: string }
  /** An assertion or a token. It isn't searched for. */
  | { readonly kind: "credential"; readonly found: FoundCredential }
  /** Anything else that could be a secret. It is neither searched for nor kept. */
  | { readonly kind: "secret" };

/** Decides what to do with a text. What could be a credential, or part of one, is never a search: URLs are logged on their way. */
export function readTyped(text: string): Typed {
  const typed = text.trim();
  const found = findCredential(typed);
  if (foundKind(found) !== undefined) return { kind: "credential", found };
  return couldBeSecret(typed) ? { kind: "secret" } : { kind: "search", text: typed };
}

function couldBeSecret(text: string): boolean {
  return (
    text.length > SEARCH_CHARACTERS_MAX ||
    // The prefixes of this service's own secrets, a header, the beginning of a JWS, the beginning of a token.
    /(^|[^a-z0-9])cs[a-z]{2}_|authorization|^(bearer|jwt)\s|^e[wy][A-Za-z0-9_-]{16}|^[0-9]{1,10}\.[A-Za-z0-9_-]{8}/i.test(
      text,
    ) ||
    isPrivateKey(text)
  );
}
