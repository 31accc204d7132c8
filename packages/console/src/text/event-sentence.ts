/** Turns an audit event into a sentence. It consists of parts, because names are untrusted text and shown isolated from the words. */

import { methodName } from "./method-name.ts";
import { t, textParts } from "./t.ts";
import { weaknessText } from "./weakness.ts";

/** What of an event the sentence depends on. */
export interface SentenceInput {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A name in a sentence, which may be a link. An actor also has a kind, if that isn't clear from the name. */
export interface Name {
  readonly name: string;
  readonly href?: string;
  readonly isActor?: true;
  readonly kind?: string;
}

/** A part of the sentence: plain words, or a name. */
export type SentencePart = string | Name;

/** The parts of an actor; the log writes them as `operator:ada@example.com`. A key that acts itself is `key 3`. */
export function actorName(actor: string): { readonly kind: string; readonly name: string } {
  const key = /^key:([0-9]+)$/.exec(actor)?.[1];
  if (key !== undefined) return { kind: "", name: t("common.keyNumber", { id: key }) };
  const [, kind = "", name = actor] =
    /^(operator|cli|admin-token|client|identity|link|system):(.+)$/s.exec(actor) ?? [];
  return { kind: KINDS[kind] ?? "", name };
}

const KINDS: Readonly<Record<string, string | undefined>> = {
  cli: t("event.commandLine"),
  "admin-token": t("event.adminToken"),
  client: t("event.client"),
};

/** What an event was about, for its sentence. `hasUser` and the like choose a form of the message. */
type Names = Readonly<Record<"actor" | "account" | "user" | "server" | "operator" | "webhook" | "email", Name>>;

/** What happened: `ada@example.com deactivated key 3 of api-1-demo`. */
export function eventSentence({ actor: actorText, action, subject, details }: SentenceInput): readonly SentencePart[] {
  const id = subject.slice(subject.indexOf(":") + 1);
  const text = (name: string): string | undefined => {
    const value = details[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  };
  const { user, account, server, operator, webhook, email, actor } = namesOf(actorText, id, text);
  const hasUser = text("username") === undefined ? "no" : "yes";
  const hasEmail = text("email") === undefined ? "no" : "yes";

  switch (action) {
    case "account.created":
      return textParts<Name>("event.accountCreated", { actor, account });
    case "account.activated":
      return textParts<Name>("event.accountActivated", { actor, account });
    case "account.deactivated":
      return textParts<Name>("event.accountDeactivated", { actor, account });
    case "account.changed":
      return textParts<Name>("event.accountChanged", { actor, account, what: changesOf(details) });
    case "account.described":
      return textParts<Name>("event.accountDescribed", { actor, account });
    case "account.archived":
      return textParts<Name>("event.accountArchived", { actor, account });
    case "account.restored":
      return textParts<Name>("event.accountRestored", { actor, account });
    case "user.created":
      return textParts<Name>("event.userCreated", { actor, user, access: text("access") ?? "full" });
    case "user.activated":
      return textParts<Name>("event.userActivated", { actor, user });
    case "user.deactivated":
      return textParts<Name>("event.userDeactivated", { actor, user });
    case "user.changed":
      return textParts<Name>("event.userChanged", { actor, user });
    case "user.access_changed":
      return textParts<Name>("event.userAccessChanged", { actor, user, access: text("access") ?? "full" });
    case "user.described":
      return textParts<Name>("event.userDescribed", { actor, user });
    case "user.archived":
      return textParts<Name>("event.userArchived", { actor, user });
    case "user.restored":
      return textParts<Name>("event.userRestored", { actor, user });
    case "key.added": {
      const previous = text("rotated_from");
      return previous === undefined
        ? textParts<Name>("event.keyAdded", { actor, id, hasUser, user })
        : textParts<Name>("event.keyRotated", { actor, previous, id, hasUser, user });
    }
    case "key.activated":
      return textParts<Name>("event.keyActivated", { actor, id, hasUser, user });
    case "key.deactivated":
      return textParts<Name>("event.keyDeactivated", { actor, id, hasUser, user });
    case "key.revoked":
      return details["by_statement"] === true
        ? textParts<Name>("event.keyRevokedByStatement", { actor, id, hasUser, user })
        : textParts<Name>("event.keyRevoked", { actor, id, hasUser, user });
    case "key.changed":
      return textParts<Name>("event.keyChanged", { actor, id, hasUser, user });
    case "key.expiring":
      return textParts<Name>("event.keyExpiring", { actor, id, hasUser, user, days: Number(text("days") ?? 0) });
    case "key.unused":
      return textParts<Name>("event.keyUnused", { actor, id, hasUser, user });
    case "key.found_weak": {
      const { label } = weaknessText(text("weakness") ?? "");
      return textParts<Name>("event.keyFoundWeak", { actor, id, hasUser, user, label });
    }
    case "signing_key.created":
      return textParts<Name>("event.signingKeyCreated", { actor, id });
    case "signing_key.activated":
      return textParts<Name>("event.signingKeyActivated", { actor, id });
    case "signing_key.retired":
      return textParts<Name>("event.signingKeyRetired", { actor, id });
    case "store.accepted":
      return textParts<Name>("event.storeAccepted", { actor });
    case "resource_server.created":
      return textParts<Name>("event.resourceServerCreated", { actor, server });
    case "resource_server.rotated":
      return textParts<Name>("event.resourceServerRotated", { actor, server });
    case "resource_server.activated":
      return textParts<Name>("event.resourceServerActivated", { actor, server });
    case "resource_server.deactivated":
      return textParts<Name>("event.resourceServerDeactivated", { actor, server });
    case "token.revoked":
      return textParts<Name>("event.tokenRevoked", { actor, hasUser, user });
    case "operator.created":
      return textParts<Name>("event.operatorCreated", { actor });
    case "operator.changed":
      return textParts<Name>("event.operatorChanged", { actor, operator });
    case "operator.activated":
      return textParts<Name>("event.operatorActivated", { actor, operator });
    case "operator.deactivated":
      return textParts<Name>("event.operatorDeactivated", { actor, operator });
    case "operator.signed_in": {
      const method = text("method");
      return method === undefined
        ? textParts<Name>("event.signedIn", { actor })
        : textParts<Name>("event.signedInBy", { actor, method: methodName(method) });
    }
    case "operator.sign_in_refused": {
      const attempts = Number(text("attempts") ?? 1);
      return hasEmail === "no"
        ? textParts<Name>("event.signInRefusedUnknown", { actor, attempts })
        : textParts<Name>("event.signInRefused", { actor, attempts, operator });
    }
    case "operator.password_changed":
      return textParts<Name>("event.passwordChanged", { actor });
    case "operator.passkey_added":
      return textParts<Name>("event.passkeyAdded", { actor });
    case "operator.passkey_removed":
      return textParts<Name>("event.passkeyRemoved", { actor });
    case "operator.recovery_codes_renewed":
      return textParts<Name>("event.recoveryCodesRenewed", { actor });
    case "operator.session_ended":
      return textParts<Name>("event.sessionEnded", { actor, operator });
    case "invitation.created":
      return textParts<Name>("event.invitationCreated", { actor, hasEmail, email });
    case "invitation.withdrawn":
      return textParts<Name>("event.invitationWithdrawn", { actor, hasEmail, email });
    case "admin_token.created":
      return textParts<Name>("event.adminTokenCreated", { actor, token: server });
    case "admin_token.revoked":
      return textParts<Name>("event.adminTokenRevoked", { actor, token: server });
    case "webhook.created":
      return textParts<Name>("event.webhookCreated", { actor, webhook });
    case "webhook.changed":
      return textParts<Name>("event.webhookChanged", { actor, webhook });
    case "webhook.rotated":
      return textParts<Name>("event.webhookRotated", { actor, webhook });
    case "webhook.activated":
      return textParts<Name>("event.webhookActivated", { actor, webhook });
    case "webhook.deactivated":
      return textParts<Name>("event.webhookDeactivated", { actor, webhook });
    case "webhook.disabled":
      return text("reason") === "gone"
        ? textParts<Name>("event.webhookGone", { actor, webhook })
        : textParts<Name>("event.webhookFailed", { actor, webhook });
    default:
      // An action of a newer server: its name is better than nothing.
      return textParts<Name>("event.other", {
        actor,
        action: action.replaceAll(/[._]/g, " "),
        subject: { name: subject },
      });
  }
}

/** @param text a detail of the event, if it is a text or a number */
function namesOf(actor: string, id: string, text: (name: string) => string | undefined): Names {
  const username = text("username");
  const { kind, name } = actorName(actor);
  const origin = text("origin");
  return {
    actor: { name, kind, isActor: true },
    user:
      username === undefined
        ? { name: t("event.userNumber", { id }) }
        : { name: username, href: `/users/${encodeURIComponent(username)}` },
    account: { name: text("shortname") ?? id },
    server: { name: text("name") ?? id },
    operator: { name: text("email") ?? id },
    // Only the origin of its URL: the rest may hold a secret.
    webhook: { name: origin === undefined ? id : `${id} (${origin})`, href: `/webhooks/${encodeURIComponent(id)}` },
    email: { name: text("email") ?? "" },
  };
}

/** Which of an account's settings an event says were changed. */
function changesOf(account: SentenceInput["details"]): "name" | "keyAge" | "both" | "other" {
  if ("name" in account) return "key_age_max_seconds" in account ? "both" : "name";
  return "key_age_max_seconds" in account ? "keyAge" : "other";
}

/** Kinds of events to filter by, each a prefix of actions. */
export const ACTION_GROUPS = [
  ["key", t("common.publicKeys")],
  ["user", t("common.apiUsers")],
  ["account", t("common.accounts")],
  ["token", t("common.tokens")],
  ["resource_server", t("common.resourceServers")],
  ["signing_key", t("common.signingKeys")],
  ["operator", t("common.operators")],
  ["invitation", t("operators.oneTimeLinks")],
  ["admin_token", t("common.adminTokens")],
  ["webhook", t("common.webhooks")],
] as const;
