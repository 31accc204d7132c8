import { fieldRefusal, Refusal } from "../refusal.ts";
import { ADMIN_TOKEN_DAYS_DEFAULT, ADMIN_TOKEN_DAYS_MAX, type Role } from "@countersign/protocol";
import { isUnlimitedOwner, mayGrant, canSee, requireRole } from "./authorize.ts";
import type { Author } from "../change/change-tx.ts";
import { checkExpiry } from "../expiry.ts";
import type { AccountId } from "../accounts/model.ts";
import type { Standing } from "../standing.ts";
import { checkName, printable } from "../names.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import { hashSecret } from "../secret-form.ts";
import type { Clock, Random } from "../surroundings.ts";
import { requireEmail } from "./email.ts";
import { adminTokenEvent, invitationEvent, operatorEvent } from "./events.ts";
import type { AdminToken, AdminTokenId, Invitation, InvitationId, Operator, OperatorId, SessionId } from "./model.ts";
import { ADMIN_TOKENS, LINK_SECRETS } from "./secrets.ts";
import { adminTokenActor } from "./sessions.ts";

/** How long a one-time link is good, in milliseconds. */
export const LINK_MS = 86_400_000;

/** When an admin token is to end: milliseconds since the epoch, `never`, or `undefined` for the usual time. */
export type TokenExpiry = number | "never" | undefined;

/** A one-time link's invitation and the secret that the link ends in, which can't be read again. */
export interface WithLinkSecret {
  readonly invitation: Invitation;
  readonly secret: string;
}

/** An admin token with its secret, which can't be read again. */
export interface WithToken {
  readonly token: AdminToken;
  readonly secret: string;
}

/** What somebody is to be allowed; the account by its shortname, `null` for none. */
export interface WantedGrant {
  readonly role: Role;
  readonly account: string | null;
}

/**
 * What operators change about each other, and about admin tokens. As with all changes, each is one transaction with its audit
 * event.
 *
 * Whoever is limited to an account meets only what is limited to the same one; anything else is as if it weren't there. Nobody
 * gives more than they have. There is always an owner who is active and not limited, once there has been one.
 *
 * All reject with {@link Refusal} (`not_found`, `conflict`, `field_invalid`, `forbidden`, `sign_in_required`)
 * where the author was switched off meanwhile, and then nothing was changed.
 */
export interface OperatorChanges {
  /** Makes the link by which the first owner comes in; those before are void. `undefined` where there is an operator. */
  makeSetupLink(actor: string): Promise<WithLinkSecret | undefined>;
  /** One that was made for the same address before is void. */
  invite(author: Author, wanted: WantedGrant & { readonly email: string }): Promise<WithLinkSecret>;
  /** Makes a link by which an operator gets in again. Until it is used, everything stays as it is. */
  reset(author: Author, id: OperatorId): Promise<WithLinkSecret>;
  withdrawInvitation(author: Author, id: InvitationId): Promise<void>;
  /**
   * Changes what is given, all of it or nothing. Ends the operator's sessions where they may less from now on, and withdraws links
   * that were made for them when they might something else.
   */
  change(
    author: Author,
    id: OperatorId,
    changed: { readonly [Name in keyof WantedGrant]?: WantedGrant[Name] | undefined } & {
      readonly status?: Standing | undefined;
    },
  ): Promise<Operator>;
  endSession(author: Author, operatorId: OperatorId, id: SessionId): Promise<void>;
  /** A program's token can't make one that outlives it, nor one that never ends. */
  createAdminToken(
    author: Author,
    wanted: WantedGrant & { readonly name: string; readonly expiry?: TokenExpiry },
  ): Promise<WithToken>;
  /** For good, and with it those that it made. */
  revokeAdminToken(author: Author, token: AdminTokenId | { readonly name: string }): Promise<AdminToken>;
}

/** Makes these changes a part of a commit. */
export function within(tx: StoreTransaction): Pick<Store, "transaction"> {
  return { transaction: (work) => work(tx) };
}

export function createOperatorChanges(
  store: Pick<Store, "transaction">,
  clock: Clock,
  random: Random,
): OperatorChanges {
  async function makeLink(
    transaction: StoreTransaction,
    createdBy: string,
    link: Pick<Invitation, "kind" | "email" | "role" | "accountId">,
  ): Promise<WithLinkSecret> {
    const secret = LINK_SECRETS.make(random);
    const createdAtMs = clock.wallMs();
    const invitation = await transaction.invitations.insert({
      ...link,
      secretHash: hashSecret(secret),
      createdBy,
      createdAtMs,
      expiresAtMs: createdAtMs + LINK_MS,
    });
    await transaction.events.append(invitationEvent(createdAtMs, createdBy, "invitation.created", invitation));
    return { invitation, secret };
  }

  async function withdraw(transaction: StoreTransaction, { actor }: Author, invitation: Invitation): Promise<void> {
    await transaction.invitations.delete(invitation.id);
    await transaction.events.append(invitationEvent(clock.wallMs(), actor, "invitation.withdrawn", invitation));
  }

  return {
    makeSetupLink(actor) {
      return store.transaction(async (transaction) => {
        if ((await transaction.operators.count()) > 0) return undefined;
        await transaction.invitations.deleteOfKind("setup");
        return makeLink(transaction, actor, { kind: "setup", email: null, role: "owner", accountId: null });
      });
    },

    async invite(author, { email: text, ...wanted }) {
      const email = requireEmail(text);
      return store.transaction(async (transaction) => {
        await requireStillAuthor(transaction, author);
        const grant = await resolveGrant(transaction, author, wanted);
        const holder = await transaction.operators.findByEmail(email);
        // Of an operator elsewhere, an author who is limited to an account learns nothing: such a link lets nobody in.
        if (holder !== undefined && canSee(author, holder.accountId)) {
          throw fieldRefusal("conflict", `There is an operator ${email} already.`, "email");
        }
        for (const before of await transaction.invitations.findFor(email, clock.wallMs())) {
          if (canSee(author, before.accountId)) await withdraw(transaction, author, before);
        }
        return makeLink(transaction, author.actor, { kind: "invitation", email, ...grant });
      });
    },

    reset(author, id) {
      return store.transaction(async (transaction) => {
        await requireStillAuthor(transaction, author);
        const operator = await loadOperator(transaction, author, id);
        const { email, role, accountId } = operator;
        if (operator.federated !== null) {
          throw new Refusal("conflict", `${email} comes by single sign-on; its identity provider lets them in.`);
        }
        if (operator.status !== "active") throw new Refusal("conflict", `${email} is deactivated.`);
        for (const before of await transaction.invitations.findFor(email, clock.wallMs())) {
          await withdraw(transaction, author, before);
        }
        return makeLink(transaction, author.actor, { kind: "reset", email, role, accountId });
      });
    },

    withdrawInvitation(author, id) {
      return store.transaction(async (transaction) => {
        const invitation = await transaction.invitations.find(id);
        // The set-up link is the server's own.
        if (invitation === undefined || invitation.kind === "setup" || !canSee(author, invitation.accountId)) {
          throw new Refusal("not_found", `There is no invitation ${id}.`);
        }
        await withdraw(transaction, author, invitation);
      });
    },

    change(author, id, { role, account, status }) {
      return store.transaction(async (transaction) => {
        await requireStillAuthor(transaction, author);
        const before = await loadOperator(transaction, author, id);
        const grant =
          role === undefined && account === undefined
            ? before
            : await resolveGrant(transaction, author, {
                role: role ?? before.role,
                account: account === undefined ? before.account : account,
              });
        const isOtherGrant = grant.role !== before.role || grant.accountId !== before.accountId;
        const isOtherStatus = status !== undefined && status !== before.status;
        if (author.token !== undefined && (isOtherGrant || (isOtherStatus && status === "active"))) {
          throw new Refusal(
            "forbidden",
            "An admin token can deactivate an operator, and nothing else: it must not outlive itself.",
          );
        }
        if (isOtherGrant && before.federated !== null) {
          throw new Refusal(
            "conflict",
            `${before.email} comes by single sign-on: their groups there decide on their role.`,
          );
        }
        await transaction.operators.update(id, {
          ...(isOtherGrant && { role: grant.role, accountId: grant.accountId }),
          ...(isOtherStatus && { status }),
        });
        await requireOwner(transaction, before);
        const after = await loadOperator(transaction, author, id);
        const isLess = !mayGrant(after, before) || after.status !== "active";
        if (isLess) await transaction.sessions.deleteAllOf(id);
        if (isOtherGrant || (isOtherStatus && status === "deactivated")) {
          // A link by which they would get in again; or whoever made it, while they may less, would get what they may now.
          for (const link of await transaction.invitations.findFor(before.email, clock.wallMs())) {
            await withdraw(transaction, author, link);
          }
        }
        if (isOtherGrant) {
          const details = {
            role: after.role,
            account: after.account,
            previous_role: before.role,
            previous_account: before.account,
          };
          await transaction.events.append(
            operatorEvent(clock.wallMs(), author.actor, "operator.changed", after, details),
          );
        }
        if (isOtherStatus) {
          const action = status === "active" ? "operator.activated" : "operator.deactivated";
          await transaction.events.append(operatorEvent(clock.wallMs(), author.actor, action, after));
        }
        return after;
      });
    },

    endSession(author, operatorId, id) {
      return store.transaction(async (transaction) => {
        const operator = await loadOperator(transaction, author, operatorId);
        if (!(await transaction.sessions.delete(operatorId, id))) {
          throw new Refusal("not_found", `There is no session ${id}.`);
        }
        await transaction.events.append(
          operatorEvent(clock.wallMs(), author.actor, "operator.session_ended", operator, { session: id }),
        );
      });
    },

    async createAdminToken(author, { name, expiry, ...wanted }) {
      checkName("name", name);
      const secret = ADMIN_TOKENS.make(random);
      return store.transaction(async (transaction) => {
        await requireStillAuthor(transaction, author);
        const createdAtMs = clock.wallMs();
        const expiresAtMs = tokenExpiry(author, expiry, createdAtMs);
        const grant = await resolveGrant(transaction, author, wanted);
        const fullName = fullTokenName(name, wanted.account);
        // Tokens of an account from earlier versions have no account in their name. Another account's takes no name from this one.
        const older = await transaction.adminTokens.findByName(name);
        const isTaken =
          (await transaction.adminTokens.findByName(fullName)) !== undefined || older?.accountId === grant.accountId;
        if (isTaken) {
          throw fieldRefusal("conflict", `There is, or was, an admin token ${name}; names aren't used again.`, "name");
        }
        const token = await transaction.adminTokens.insert({
          name: fullName,
          ...grant,
          secretHash: hashSecret(secret),
          createdBy: author.actor,
          createdAtMs,
          expiresAtMs,
        });
        await transaction.events.append(adminTokenEvent(createdAtMs, author.actor, "admin_token.created", token));
        return { token, secret };
      });
    },

    revokeAdminToken(author, which) {
      return store.transaction(async (transaction) => {
        const token = await (typeof which === "object"
          ? findTokenByName(transaction, which.name)
          : transaction.adminTokens.find(which));
        if (token === undefined || !canSee(author, token.accountId)) {
          const name = typeof which === "object" ? which.name : String(which);
          throw new Refusal("not_found", `There is no admin token ${printable(name)}.`);
        }
        if (token.revokedAtMs !== null) return token;
        const revokedAtMs = clock.wallMs();
        await revokeWithMade(transaction, author.actor, token, revokedAtMs);
        return { ...token, revokedAtMs };
      });
    },
  };
}

/** By the full name, or the own one where only one token has it. @throws {Refusal} `conflict` where several have it */
async function findTokenByName(transaction: StoreTransaction, name: string): Promise<AdminToken | undefined> {
  const found = await transaction.adminTokens.findByName(name);
  if (found !== undefined) return found;
  const [first, ...others] = await transaction.adminTokens.findNamed(name);
  if (first === undefined || others.length === 0) return first;
  const names = [first, ...others].map((token) => token.name).join(", ");
  throw new Refusal("conflict", `Several accounts have an admin token ${name}; name one of ${names}.`);
}

/** Revokes a token and those that it made: a thief's must not outlive it. */
async function revokeWithMade(
  transaction: StoreTransaction,
  actor: string,
  token: AdminToken,
  revokedAtMs: number,
): Promise<void> {
  await transaction.adminTokens.revoke(token.id, revokedAtMs);
  await transaction.events.append(adminTokenEvent(revokedAtMs, actor, "admin_token.revoked", token));
  for (const made of await transaction.adminTokens.findCreatedBy(adminTokenActor(token))) {
    await revokeWithMade(transaction, actor, made, revokedAtMs);
  }
}

/**
 * Checks once more who the author is. The request may have waited for earlier writes, among them the one that switched the author
 * off; what it made now would stay.
 *
 * @throws {Refusal} `sign_in_required`
 */
async function requireStillAuthor(transaction: StoreTransaction, author: Author): Promise<void> {
  const { token, operator } = author;
  const isRevoked = token !== undefined && (await transaction.adminTokens.find(token.id))?.revokedAtMs !== null;
  const current = operator && (await transaction.operators.find(operator.id));
  const isOff = operator !== undefined && (current?.status !== "active" || !mayGrant(current, author));
  if (isRevoked || isOff) throw new Refusal("sign_in_required", "The session is over, or the admin token was revoked.");
}

/**
 * What the store and the audit log call an admin token: names are those of an account, so that nobody learns by a conflict which
 * names another account's tokens have.
 */
function fullTokenName(name: string, account: string | null): string {
  return account === null ? name : `${account}/${name}`;
}

/** When a new admin token ends. @throws {Refusal} `field_invalid` @throws {Refusal} `forbidden` */
function tokenExpiry({ token }: Author, expiry: TokenExpiry, nowMs: number): number | null {
  const ownEndMs = token?.expiresAtMs ?? null;
  if (expiry === "never") {
    if (token === undefined) return null;
    throw new Refusal("forbidden", "Only an operator can make an admin token that never expires.");
  }
  const usualMs = nowMs + ADMIN_TOKEN_DAYS_DEFAULT * DAY_MS;
  if (expiry === undefined) return ownEndMs === null ? usualMs : Math.min(usualMs, ownEndMs);
  checkExpiry("The expiry", expiry, nowMs);
  if (expiry > nowMs + ADMIN_TOKEN_DAYS_MAX * DAY_MS) {
    throw fieldRefusal(
      "field_invalid",
      `An admin token is good for ${ADMIN_TOKEN_DAYS_MAX} days at most, unless an operator says "never".`,
      "expires_at",
    );
  }
  if (ownEndMs !== null && expiry > ownEndMs) {
    throw new Refusal("forbidden", "An admin token can't make one that outlives it.");
  }
  return expiry;
}

const DAY_MS = 86_400_000;

/** @throws {Refusal} `not_found`, also for those whom the author may know nothing of */
async function loadOperator(transaction: StoreTransaction, author: Author, id: OperatorId): Promise<Operator> {
  const operator = await transaction.operators.find(id);
  if (operator === undefined || !canSee(author, operator.accountId)) {
    throw new Refusal("not_found", `There is no operator ${id}.`);
  }
  // Nobody changes those who may more than they do.
  if (!mayGrant(author, operator)) requireRole(author, operator.role);
  return operator;
}

/** @throws {Refusal} `forbidden` where the author may less @throws {Refusal} `field_invalid` for an account that they don't know */
async function resolveGrant(
  transaction: StoreTransaction,
  author: Author,
  { role, account: shortname }: WantedGrant,
): Promise<{ readonly role: Role; readonly accountId: AccountId | null }> {
  const account = shortname === null ? undefined : await transaction.accounts.find(shortname);
  if (shortname !== null && (account === undefined || !canSee(author, account.id))) {
    throw fieldRefusal("field_invalid", "There is no account of that name.", "account");
  }
  const grant = { role, accountId: account?.id ?? null };
  if (!mayGrant(author, grant)) {
    throw new Refusal("forbidden", "Nobody gives more than they have.", {
      hint: "Whoever is limited to an account gives roles in that account alone.",
    });
  }
  return grant;
}

/**
 * After a change: is there still an owner who is active and not limited to an account? Only one who was can have been the last.
 *
 * @throws {Refusal} `conflict`
 */
export async function requireOwner(transaction: StoreTransaction, before: Operator): Promise<void> {
  if (isUnlimitedOwner(before) && before.status === "active" && (await transaction.operators.countOwners()) === 0) {
    throw new Refusal("conflict", `${before.email} is the last owner; make another operator an owner first.`);
  }
}
