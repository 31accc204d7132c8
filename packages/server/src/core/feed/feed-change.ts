import type { FeedChange } from "@countersign/protocol";
import type { RecordedEvent } from "./event.ts";

/**
 * The part of an event that a verifier needs; `undefined` if it can't affect a token. The rest, such as the author, must not reach a
 * resource server.
 */
export function toFeedChange(event: RecordedEvent): FeedChange | undefined {
  switch (event.action) {
    case "account.activated":
    case "account.deactivated":
      return { action: event.action, account: event.shortname };
    case "user.activated":
    case "user.deactivated":
    // A verifier that doesn't know it forgets everything, which holds the new access as well.
    case "user.access_changed":
      return { action: event.action, username: event.username };
    case "key.added":
    case "key.activated":
    case "key.deactivated":
    case "key.revoked":
    case "key.changed":
      return { action: event.action, username: event.username, key_id: event.keyId };
    case "token.revoked":
      return { action: event.action, username: event.username, key_id: event.keyId, jti: event.jti };
    // A verifier can't tell which tokens it concerns, and forgets all of them.
    case "signing_key.retired":
      return { action: event.action };
    // Written by another version: the action alone, so that a verifier forgets everything.
    case "unknown":
      return { action: event.row.action };
    case "account.created":
    case "account.changed":
    case "account.described":
    case "account.archived":
    case "account.restored":
    case "user.created":
    case "user.changed":
    case "user.described":
    case "user.archived":
    case "user.restored":
    case "key.expiring":
    case "key.unused":
    case "key.found_weak":
    case "signing_key.created":
    case "signing_key.activated":
    case "store.accepted":
    case "resource_server.created":
    case "resource_server.rotated":
    case "resource_server.activated":
    case "resource_server.deactivated":
    case "operator.created":
    case "operator.changed":
    case "operator.activated":
    case "operator.deactivated":
    case "operator.signed_in":
    case "operator.sign_in_refused":
    case "operator.password_changed":
    case "operator.passkey_added":
    case "operator.passkey_removed":
    case "operator.recovery_codes_renewed":
    case "operator.session_ended":
    case "invitation.created":
    case "invitation.withdrawn":
    case "admin_token.created":
    case "admin_token.revoked":
    case "webhook.created":
    case "webhook.changed":
    case "webhook.activated":
    case "webhook.deactivated":
    case "webhook.rotated":
    case "webhook.disabled":
      return undefined;
    default:
      return event satisfies never;
  }
}
