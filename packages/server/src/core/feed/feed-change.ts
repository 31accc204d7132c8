import type { FeedChange } from "@countersign/protocol";
import type { AuditEvent } from "./audit-chain.ts";

/**
 * What a verifier has to hear of an event; `undefined` where no token it may know of is concerned. An event carries more than
 * a resource server should learn, such as who made the change.
 */
export function toFeedChange({ action, subject, details }: AuditEvent): FeedChange | undefined {
  const id = subject.slice(subject.indexOf(":") + 1);
  const text = (name: string): string => String(details[name]);
  switch (action) {
    case "account.activated":
    case "account.deactivated":
      return { action, account: text("shortname") };
    case "user.activated":
    case "user.deactivated":
      return { action, username: text("username") };
    case "key.added":
    case "key.activated":
    case "key.deactivated":
    case "key.revoked":
    case "key.changed":
      return { action, username: text("username"), key_id: Number(id) };
    // Whoever hears it can't know which tokens it concerns.
    case "signing_key.retired":
      return { action };
    case "token.revoked":
      return { action, username: text("username"), key_id: Number(details["key_id"]), jti: id };
    case "account.created":
    case "user.created":
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
      return undefined;
    default:
      // Written by a newer release: whoever hears it must forget everything.
      return { action };
  }
}
