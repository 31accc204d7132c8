/** Turns an audit event into a sentence. It consists of parts, because names are untrusted text and shown isolated from the words. */

import { methodName } from "./method-name.ts";
import { weaknessText } from "./weakness.ts";

/** What of an event the sentence depends on. */
export interface SentenceInput {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A part of the sentence: plain words, or a name that may be a link. */
export type SentencePart = string | { readonly name: string; readonly href?: string };

/** Splits an actor into its kind and its name; the log writes them as `operator:ada@example.com`. A key that acts itself is `key 3`. */
export function actorName(actor: string): { readonly kind: string; readonly name: string } {
  const key = /^key:([0-9]+)$/.exec(actor)?.[1];
  if (key !== undefined) return { kind: "", name: `key ${key}` };
  const [, kind = "", name = actor] =
    /^(operator|cli|admin-token|client|identity|link|system):(.+)$/s.exec(actor) ?? [];
  return { kind: KINDS[kind] ?? "", name };
}

const KINDS: Record<string, string | undefined> = {
  operator: "operator",
  cli: "command line",
  "admin-token": "admin token",
  client: "client",
};

/** What happened, after the actor: `deactivated key 3 of api-1-demo`. */
export function eventSentence({ action, subject, details }: SentenceInput): readonly SentencePart[] {
  const id = subject.slice(subject.indexOf(":") + 1);
  const text = (name: string): string | undefined => {
    const value = details[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  };
  const username = text("username");
  const user: SentencePart =
    username === undefined ? `API user ${id}` : { name: username, href: `/users/${encodeURIComponent(username)}` };
  const account: SentencePart = { name: text("shortname") ?? `account ${id}` };
  const server: SentencePart = { name: text("name") ?? id };
  const operator: SentencePart = { name: text("email") ?? `operator ${id}` };
  // Only the origin of its URL: the rest may hold a secret.
  const webhook: SentencePart = {
    name: `${id}${text("origin") === undefined ? "" : ` (${text("origin")})`}`,
    href: `/webhooks/${encodeURIComponent(id)}`,
  };
  const ofUser: readonly SentencePart[] = username === undefined ? [] : ["of", user];

  switch (action) {
    case "account.created":
      return ["created the account", account];
    case "account.activated":
      return ["activated the account", account];
    case "account.deactivated":
      return ["deactivated the account", account];
    case "account.changed":
      return [`changed ${changesOf(details)} of the account`, account];
    case "common.created":
      return [`created the ${text("access") === "read_only" ? "Read-Only API User" : "API User"}`, user];
    case "user.activated":
      return ["activated", user];
    case "user.deactivated":
      return ["deactivated", user];
    case "user.changed":
      return ["changed the networks or the rotation of", user];
    case "key.added": {
      const previous = text("rotated_from");
      return [previous === undefined ? `added key ${id}` : `rotated key ${previous} to key ${id}`, ...ofUser];
    }
    case "key.activated":
      return [`activated key ${id}`, ...ofUser];
    case "key.deactivated":
      return [`deactivated key ${id}`, ...ofUser];
    case "key.revoked":
      return [
        `permanently revoked key ${id}`,
        ...ofUser,
        ...(details["by_statement"] === true ? ["by its own statement"] : []),
      ];
    case "key.changed":
      return [`changed the label, expiry or networks of key ${id}`, ...ofUser];
    case "key.expiring": {
      const days = text("days") ?? "";
      return [`reported that key ${id}`, ...ofUser, `expires within ${days} ${days === "1" ? "day" : "days"}`];
    }
    case "key.unused":
      return [`reported that key ${id}`, ...ofUser, "is unused"];
    case "key.found_weak":
      return [`found key ${id}`, ...ofUser, `weak: ${weaknessText(text("weakness") ?? "").label}`];
    case "signing_key.created":
      return [`created signing key ${id}`];
    case "signing_key.activated":
      return [`started signing with signing key ${id}`];
    case "signing_key.retired":
      return [`retired signing key ${id}`];
    case "store.accepted":
      return ["accepted the store as it is and ended all tokens"];
    case "resource_server.created":
      return ["created the resource server", server];
    case "resource_server.rotated":
      return ["gave a new secret to the resource server", server];
    case "resource_server.activated":
      return ["activated the resource server", server];
    case "resource_server.deactivated":
      return ["deactivated the resource server", server];
    case "token.revoked":
      return ["revoked a token", ...ofUser];
    case "operator.created":
      return ["became operator:", operator];
    case "operator.changed":
      return ["changed the permissions of", operator];
    case "operator.activated":
      return ["activated the operator", operator];
    case "operator.deactivated":
      return ["deactivated the operator", operator];
    case "operator.signed_in":
      return [`signed in${text("method") === undefined ? "" : ` by ${methodName(text("method") ?? "")}`}`];
    case "operator.sign_in_refused": {
      const attempts = text("attempts") ?? "";
      const count = `refused ${attempts} ${attempts === "1" ? "sign-in" : "sign-ins"}`;
      return text("email") === undefined ? [`${count} for unknown addresses`] : [`${count} of`, operator];
    }
    case "operator.password_changed":
      return ["set a new password"];
    case "operator.passkey_added":
      return ["added a passkey"];
    case "operator.passkey_removed":
      return ["removed a passkey"];
    case "operator.recovery_codes_renewed":
      return ["created new recovery codes"];
    case "operator.session_ended":
      return ["ended a session of", operator];
    case "invitation.created":
      return [
        "created a one-time link",
        ...(text("email") === undefined ? [] : ["for", { name: text("email") ?? "" }]),
      ];
    case "invitation.withdrawn":
      return [
        "withdrew a one-time link",
        ...(text("email") === undefined ? [] : ["for", { name: text("email") ?? "" }]),
      ];
    case "admin_token.created":
      return ["created the admin token", server];
    case "admin_token.revoked":
      return ["revoked the admin token", server];
    case "webhook.created":
      return ["created the webhook endpoint", webhook];
    case "webhook.changed":
      return ["changed the webhook endpoint", webhook];
    case "webhook.rotated":
      return ["gave a new secret to the webhook endpoint", webhook];
    case "webhook.activated":
      return ["activated the webhook endpoint", webhook];
    case "webhook.deactivated":
      return ["deactivated the webhook endpoint", webhook];
    case "webhook.disabled":
      return [
        "disabled the webhook endpoint",
        webhook,
        text("reason") === "gone" ? "because its receiver is gone" : "because its deliveries failed",
      ];
    default:
      // An action of a newer server: its name is better than nothing.
      return [`${action.replaceAll(/[._]/g, " ")}:`, { name: subject }];
  }
}

function changesOf(account: SentenceInput["details"]): string {
  const changed = [
    ...("name" in account ? ["the name"] : []),
    ...("key_age_max_seconds" in account ? ["the maximum age of keys"] : []),
  ];
  return changed.length === 0 ? "the settings" : changed.join(" and ");
}

/** Kinds of events to filter by, each a prefix of actions. */
export const ACTION_GROUPS = [
  ["key", "Public keys"],
  ["user", "API users"],
  ["account", "Accounts"],
  ["token", "Tokens"],
  ["resource_server", "Resource servers"],
  ["signing_key", "Signing keys"],
  ["operator", "Operators"],
  ["invitation", "One-time links"],
  ["admin_token", "Admin tokens"],
  ["webhook", "Webhooks"],
] as const;
