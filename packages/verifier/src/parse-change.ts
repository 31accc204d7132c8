import type { FeedChange } from "@countersign/protocol";
import { isId, isName, parseJsonObject } from "./parse-json.ts";

/** Which tokens a change concerns. */
export type Concern =
  | { readonly of: "account"; readonly account: string }
  | { readonly of: "user"; readonly username: string }
  | { readonly of: "key"; readonly keyId: number }
  | { readonly of: "token"; readonly tokenId: string }
  | { readonly of: "everything" };

/** A change, as the feed tells it. */
export interface Change {
  readonly concern: Concern;
  /** May a token be good now that wasn't before? */
  readonly mayActivate: boolean;
  /** What the change did to the standing of what it concerns. */
  readonly standing: "off" | "on" | "unchanged";
}

/** Changes that only ever revoke. */
const DEACTIVATING: ReadonlySet<string> = new Set([
  "account.deactivated",
  "user.deactivated",
  "key.deactivated",
  "key.revoked",
  "token.revoked",
]);

const UNKNOWN: Change = { concern: { of: "everything" }, mayActivate: true, standing: "unchanged" };

/** Reads the data of a `change`. One that isn't understood concerns everything. */
export function parseChange(data: string): Change {
  const members: { readonly [Member in keyof FeedChange]?: unknown } | undefined = parseJsonObject(data);
  const action = members?.action;
  if (members === undefined || typeof action !== "string") return UNKNOWN;
  const mayActivate = !DEACTIVATING.has(action);
  const standing = !mayActivate ? "off" : action.endsWith(".activated") ? "on" : "unchanged";
  switch (action) {
    case "account.activated":
    case "account.deactivated": {
      const { account } = members;
      return isName(account) ? { concern: { of: "account", account }, mayActivate, standing } : UNKNOWN;
    }
    case "user.activated":
    case "user.deactivated":
    case "user.access_changed": {
      const { username } = members;
      return isName(username) ? { concern: { of: "user", username }, mayActivate, standing } : UNKNOWN;
    }
    case "key.activated":
    case "key.deactivated":
    case "key.revoked":
    case "key.changed":
    case "key.added": {
      const keyId = members.key_id;
      return isId(keyId) ? { concern: { of: "key", keyId }, mayActivate, standing } : UNKNOWN;
    }
    case "token.revoked": {
      const tokenId = members.jti;
      return isName(tokenId) ? { concern: { of: "token", tokenId }, mayActivate, standing } : UNKNOWN;
    }
    default:
      return UNKNOWN;
  }
}
