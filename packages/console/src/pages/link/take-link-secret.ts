import { decodePart } from "../../text/decode-part.ts";

/** Kept outside the component, because React may mount it twice while the address holds the secret only once. */
let secret: string | undefined;

/**
 * Takes the secret of a one-time link out of the address (`/link#<secret>`), so that neither the browser's history nor the address
 * bar shows it afterwards.
 */
export function takeLinkSecret(): string | undefined {
  const hash = window.location.hash.slice(1);
  const fragment = decodePart(hash) ?? hash;
  if (fragment !== "") {
    secret = fragment;
    history.replaceState(null, "", window.location.pathname);
  }
  return secret;
}

/** Calls back when another link is opened in this tab: the browser then changes only the hash and loads nothing. */
export function onNextLink(callback: () => void): () => void {
  const listener = () => {
    if (window.location.hash.length > 1) callback();
  };
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}
