import { decodePart } from "../../text/decode-part.ts";

/** Held here and not in a component: React may make that twice, and the address has it only once. */
let secret: string | undefined;

/**
 * The secret of a one-time link, out of the address (`/link#<secret>`), where neither the browser's history nor whoever looks
 * over a shoulder finds it afterwards.
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
