/**
 * The change feed, which is the audit log: its events, the hash chain over them, and how readers follow it.
 *
 * `event.ts` is the only place that converts events to rows and back; all other code reads typed events and switches on `action`.
 * What readers keep in memory doesn't belong here.
 */
import type { Access, Role } from "@countersign/protocol";
import type { AccountId } from "../accounts/model.ts";
import type { KeyId, Weakness } from "../keys/model.ts";
import type {
  AdminTokenId,
  InvitationId,
  InvitationKind,
  OperatorId,
  PasskeyId,
  SessionId,
  SignInMethod,
} from "../operators/model.ts";
import type { ResourceServerId } from "../resource-servers/model.ts";
import type { ApiUserId } from "../users/model.ts";
import type { DisabledReason, WebhookId } from "../webhooks/model.ts";

/**
 * What happened, as reported by the code that makes the change. Facts only: no secrets, no key material.
 *
 * Each action has one id, which names what it happened to; the other members are the details of its row. `accountId` is the
 * account that the event concerns, by which the event is found: the user's account for API users, their keys and tokens; for an
 * operator, an invitation or an admin token, the account that it is limited to.
 */
export type Event = Readonly<
  | { action: "account.created"; accountId: AccountId; shortname: string; name: string }
  | { action: "account.activated" | "account.deactivated"; accountId: AccountId; shortname: string }
  | {
      action: "account.changed";
      accountId: AccountId;
      shortname: string;
      name?: string;
      keyAgeMaxSeconds?: number | null;
    }
  // `notes`: the members that were changed, joined by commas. Their texts may be personal data, which nothing could remove from here.
  | { action: "account.described"; accountId: AccountId; shortname: string; notes: string }
  | { action: "account.archived" | "account.restored"; accountId: AccountId; shortname: string }
  // Networks are CIDRs, joined by commas.
  | (OfUser & { action: "user.created"; account: string; access: Access; mayRotate?: true; networks?: string })
  | (OfUser & { action: "user.activated" | "user.deactivated" })
  | (OfUser & { action: "user.changed"; mayRotate: boolean; networks: string })
  | (OfUser & { action: "user.access_changed"; access: Access })
  | (OfUser & { action: "user.described"; notes: string })
  | (OfUser & { action: "user.archived" | "user.restored" })
  | (OfKey & {
      action: "key.added";
      bits: number;
      expiresAtMs: number | null;
      provedAtMs?: number;
      rotatedFrom?: KeyId;
      networks?: string;
    })
  | (OfKey & { action: "key.activated" | "key.deactivated" })
  // `byStatement`: by a statement that the key itself signed, which came from this address.
  | (OfKey & { action: "key.revoked"; byStatement?: true; address?: string | undefined })
  | (OfKey & { action: "key.changed"; label: string | null; expiresAtMs: number | null; networks?: string })
  // Made by the service itself, not by a change. `days`: the reminder, 30, 7 or 1 days before the expiry.
  | (OfKey & { action: "key.expiring"; days: number; expiresAtMs: number })
  | (OfKey & { action: "key.unused"; createdAtMs: number; lastUsedAtMs: number | null })
  | (OfKey & { action: "key.found_weak"; weakness: Weakness })
  | {
      action: "signing_key.created" | "signing_key.activated" | "signing_key.retired";
      signingKey: number;
      masterFingerprint: string;
    }
  | { action: "store.accepted"; storeId: string }
  | {
      action: "resource_server.created" | "resource_server.activated" | "resource_server.deactivated";
      resourceServerId: ResourceServerId;
      name: string;
    }
  | {
      action: "resource_server.rotated";
      resourceServerId: ResourceServerId;
      name: string;
      previousSecretEndsAtMs: number | null;
    }
  // `jti` is the token's id, as `formatTokenId` writes it, not the token itself.
  | (InAccount & { action: "token.revoked"; jti: string; username: string; keyId: number })
  | (OfOperator & {
      action: "operator.created";
      role: Role;
      account: string | null;
      invitation?: InvitationId;
      kind: InvitationKind | "single_sign_on";
    })
  | (OfOperator & {
      action: "operator.changed";
      role?: Role;
      account?: string | null;
      previousRole?: Role;
      previousAccount?: string | null;
      previousEmail?: string;
      kind?: "single_sign_on";
    })
  | (OfOperator & {
      action: "operator.activated" | "operator.deactivated" | "operator.recovery_codes_renewed";
    })
  | (OfOperator & { action: "operator.signed_in"; method: SignInMethod })
  // For one operator, or for addresses that no operator has.
  | (InAccount & {
      action: "operator.sign_in_refused";
      operatorId: OperatorId | "unknown";
      email?: string;
      attempts: number;
      methods: string;
      address: string;
      otherAddresses: boolean;
    })
  | (OfOperator & { action: "operator.password_changed"; hasPassword: boolean; byReset?: true })
  | (OfOperator & { action: "operator.passkey_added"; passkey: PasskeyId; label: string })
  | (OfOperator & { action: "operator.passkey_removed"; passkey: PasskeyId; label: string; byReset?: true })
  | (OfOperator & {
      action: "operator.session_ended";
      session?: SessionId;
      sessions?: "all" | "others";
      byReset?: true;
      kind?: "single_sign_on";
    })
  | (InAccount & {
      action: "invitation.created" | "invitation.withdrawn";
      invitationId: InvitationId;
      kind: InvitationKind;
      email: string | null;
      role: Role;
      account: string | null;
      expiresAtMs: number;
    })
  | (InAccount & {
      action: "admin_token.created" | "admin_token.revoked";
      adminTokenId: AdminTokenId;
      name: string;
      role: Role;
      account: string | null;
      expiresAtMs: number | null;
      // Of one that is bound to an operator, and of a command line that they signed in.
      operator?: string;
      hostName?: string;
    })
  | (OfWebhook & { action: "webhook.created" | "webhook.changed"; events: string })
  | (OfWebhook & { action: "webhook.activated"; skipPending?: true })
  | (OfWebhook & { action: "webhook.deactivated" })
  | (OfWebhook & { action: "webhook.rotated"; previousSecretEndsAtMs: number | null })
  // The service deactivated it by itself.
  | (OfWebhook & { action: "webhook.disabled"; reason: DisabledReason })
>;

interface InAccount {
  accountId?: AccountId | null | undefined;
}

interface OfUser extends InAccount {
  userId: ApiUserId;
  username: string;
}

interface OfKey extends InAccount {
  keyId: KeyId;
  username: string;
  fingerprint: string;
}

interface OfOperator extends InAccount {
  operatorId: OperatorId;
  email: string;
}

interface OfWebhook extends InAccount {
  webhookId: WebhookId;
  /** Scheme, host and port of its URL. The rest may hold a secret. */
  origin: string;
}

/** The first word names the kind of subject. */
export type AuditAction = Event["action"];

/** An event as the store holds it, without its time, its actor and its place in the chain. */
export interface EventRow {
  /** An {@link AuditAction}, or an action of another version. */
  readonly action: string;
  /** What the action changed: `account:1`, `user:1`, `key:3`, `signing_key:1`, `store:<its id>`, `token:<its id>`, `operator:1`, … */
  readonly subject: string;
  /** Facts about the change, in snake case. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
  /** The account that the event concerns; not hashed, since it follows from the subject. */
  readonly accountId?: AccountId | undefined;
}

/** An event of one action. */
type EventOf<Action extends AuditAction, Each = Event> = Each extends { action: infer Actions }
  ? Action extends Actions
    ? Each
    : never
  : never;

/** How an action's rows are written. Their subject is the action's first word, a colon and the id. */
interface Form<Each> {
  /** The event's member that holds the id. */
  readonly id: keyof Each;
  /** Parses the id in a subject; `undefined` if the text isn't an id. */
  readonly parse: (text: string) => string | number | undefined;
  /** A detail that readers act on: a row without it is an unknown event. Rows of another version may lack other details. */
  readonly needs?: keyof Each & ("shortname" | "username");
}

const ACCOUNT = { id: "accountId", parse: number, needs: "shortname" } as const;
const USER = { id: "userId", parse: number, needs: "username" } as const;
const KEY = { id: "keyId", parse: number, needs: "username" } as const;
const SIGNING_KEY = { id: "signingKey", parse: number } as const;
const RESOURCE_SERVER = { id: "resourceServerId", parse: number } as const;
const OPERATOR = { id: "operatorId", parse: number } as const;
const INVITATION = { id: "invitationId", parse: number } as const;
const ADMIN_TOKEN = { id: "adminTokenId", parse: number } as const;
const WEBHOOK = { id: "webhookId", parse: number } as const;

const FORMS = {
  "account.created": ACCOUNT,
  "account.activated": ACCOUNT,
  "account.deactivated": ACCOUNT,
  "account.changed": ACCOUNT,
  "account.described": ACCOUNT,
  "account.archived": ACCOUNT,
  "account.restored": ACCOUNT,
  "user.created": USER,
  "user.activated": USER,
  "user.deactivated": USER,
  "user.changed": USER,
  "user.access_changed": USER,
  "user.described": USER,
  "user.archived": USER,
  "user.restored": USER,
  "key.added": KEY,
  "key.activated": KEY,
  "key.deactivated": KEY,
  "key.revoked": KEY,
  "key.changed": KEY,
  "key.expiring": KEY,
  "key.unused": KEY,
  "key.found_weak": KEY,
  "signing_key.created": SIGNING_KEY,
  "signing_key.activated": SIGNING_KEY,
  "signing_key.retired": SIGNING_KEY,
  "store.accepted": { id: "storeId", parse: text },
  "resource_server.created": RESOURCE_SERVER,
  "resource_server.rotated": RESOURCE_SERVER,
  "resource_server.activated": RESOURCE_SERVER,
  "resource_server.deactivated": RESOURCE_SERVER,
  "token.revoked": { id: "jti", parse: text, needs: "username" },
  "operator.created": OPERATOR,
  "operator.changed": OPERATOR,
  "operator.activated": OPERATOR,
  "operator.deactivated": OPERATOR,
  "operator.signed_in": OPERATOR,
  "operator.sign_in_refused": { id: "operatorId", parse: (id) => (id === "unknown" ? id : number(id)) },
  "operator.password_changed": OPERATOR,
  "operator.passkey_added": OPERATOR,
  "operator.passkey_removed": OPERATOR,
  "operator.recovery_codes_renewed": OPERATOR,
  "operator.session_ended": OPERATOR,
  "invitation.created": INVITATION,
  "invitation.withdrawn": INVITATION,
  "admin_token.created": ADMIN_TOKEN,
  "admin_token.revoked": ADMIN_TOKEN,
  "webhook.created": WEBHOOK,
  "webhook.changed": WEBHOOK,
  "webhook.activated": WEBHOOK,
  "webhook.deactivated": WEBHOOK,
  "webhook.rotated": WEBHOOK,
  "webhook.disabled": WEBHOOK,
} as const satisfies { readonly [Action in AuditAction]: Form<EventOf<Action>> };

/** Every action of this release. */
export const AUDIT_ACTIONS = Object.keys(FORMS) as readonly AuditAction[];

/** The members that every recorded event of an action has: its id, and the details that readers act on. */
type Needed = "action" | (typeof FORMS)[AuditAction]["id"] | "shortname" | "username";

type Recorded<Each> = Each extends Event ? Pick<Each, Extract<keyof Each, Needed>> & Partial<Each> : never;

/** A row with an unknown action or unreadable contents. A reader must assume that it could have changed anything. */
export interface UnknownEvent {
  readonly action: "unknown";
  readonly row: EventRow;
}

/** An event as read from the store, to which other versions write too. */
export type RecordedEvent = Recorded<Event> | UnknownEvent;

type Detail = EventRow["details"][string];

/** The row of an event. For a recorded event, it is the row that the event was read from. */
export function toRow(event: Event | RecordedEvent): EventRow {
  if (event.action === "unknown") return event.row;
  const { action, ...members }: { action: AuditAction } & Readonly<Record<string, Detail | undefined>> = event;
  const { id } = FORMS[action];
  const details: Record<string, Detail> = {};
  for (const [name, value] of Object.entries(members)) {
    if (name !== id && name !== "accountId" && value !== undefined) details[toSnakeCase(name)] = value;
  }
  const accountId = (members["accountId"] ?? undefined) as AccountId | undefined;
  const subject = `${subjectKind(action)}:${members[id] ?? ""}`;
  return { action, subject, details, ...(accountId !== undefined && { accountId }) };
}

/** The event of a row. */
export function fromRow(row: EventRow): RecordedEvent {
  const { action, subject, accountId } = row;
  if (!isKnown(action)) return { action: "unknown", row };
  const { id, parse, needs }: Form<Record<string, unknown>> = FORMS[action];
  const prefix = `${subjectKind(action)}:`;
  const parsedId = subject.startsWith(prefix) ? parse(subject.slice(prefix.length)) : undefined;
  const isUnreadable = parsedId === undefined || (needs !== undefined && typeof row.details[needs] !== "string");
  if (isUnreadable) return { action: "unknown", row };
  const details = Object.entries(row.details).map(([name, value]): [string, Detail] => [toCamelCase(name), value]);
  const members: Readonly<Record<string, Detail>> = Object.fromEntries(details);
  return { ...members, ...(accountId !== undefined && { accountId }), action, [id]: parsedId } as RecordedEvent;
}

function isKnown(action: string): action is AuditAction {
  return Object.hasOwn(FORMS, action);
}

function subjectKind(action: AuditAction): string {
  return action.slice(0, action.indexOf("."));
}

function number(text: string): number | undefined {
  return /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : undefined;
}

function text(id: string): string {
  return id;
}

function toSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function toCamelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
