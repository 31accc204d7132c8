import { createHash } from "node:crypto";
import { ROLES, type Role } from "@countersign/protocol";
import { isUnlimitedOwner, mayGrant } from "./authorize.ts";
import { Refusal } from "../refusal.ts";
import type { StoreTransaction } from "../store/store.ts";
import { parseEmail } from "./email.ts";
import { operatorEvent } from "./events.ts";
import type { FederatedIdentity, Grant, Operator } from "./model.ts";
import { beginSession, FRESH_MS, operatorActor, type SignedIn, type SignInPlace } from "./sessions.ts";
import type { SignInDependencies } from "./sign-in.ts";

/** What being in a group of the identity provider's allows. */
export interface RoleMapping {
  readonly group: string;
  readonly role: Role;
  /** The shortname of the account that it is limited to; `null` for none. */
  readonly account: string | null;
}

/** Somebody, as the identity provider knows them. */
export interface FederatedUser extends FederatedIdentity {
  readonly email: string | undefined;
  /** `undefined` where the provider doesn't say. */
  readonly isEmailVerified: boolean | undefined;
  readonly groups: readonly string[];
  /** When the provider asked them who they are, in milliseconds since the epoch; `undefined` where it doesn't say. */
  readonly authenticatedAtMs?: number | undefined;
}

/** What the browser keeps between leaving for the identity provider and coming back. */
export interface SignInFlow {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** Was the provider asked to ask anew? */
  readonly isFresh?: boolean | undefined;
}

/**
 * An OpenID provider (OpenID Connect Core 1.0, authorization code flow with PKCE).
 *
 * @throws {Refusal} `unavailable` where it can't be reached; `single_sign_on_failed`. Nothing that it said is in either.
 */
export interface IdentityProvider {
  readonly issuer: string;
  /** @param isFresh has the provider to ask anew, and to say when it did? */
  start(
    state: string,
    redirectUri: string,
    isFresh: boolean,
  ): Promise<{ readonly url: string; readonly flow: SignInFlow }>;
  /** @param callbackUrl with everything that the provider sent along */
  finish(callbackUrl: URL, flow: SignInFlow): Promise<FederatedUser>;
}

/**
 * Sign-in through the identity provider. Operators are known by issuer and subject, and have the role that their groups give them
 * at each sign-in; an operator who came another way isn't linked, whatever the e-mail address. An address that the provider hasn't
 * verified names nobody: the operator is called by issuer and subject then, and doesn't stand in the way of the address's owner.
 *
 * All reject with {@link Refusal}: `single_sign_on_failed`, whose words are for the log, or `unavailable`.
 */
export interface SingleSignOn {
  readonly issuer: string;
  start(redirectUri: string, isFresh?: boolean): Promise<{ readonly url: string; readonly flow: SignInFlow }>;
  /** Each flow once. */
  finish(callbackUrl: URL, flow: SignInFlow, from: SignInPlace): Promise<SignedIn>;
}

/** A sign-in that is refused although something has changed: the transaction isn't rolled back. */
type Outcome = SignedIn | { readonly refusal: Refusal; readonly operator: Operator | undefined };

export function createSingleSignOn(
  dependencies: SignInDependencies,
  provider: IdentityProvider,
  roles: readonly RoleMapping[],
): SingleSignOn {
  const { store, clock, challenges, refused } = dependencies;

  async function admit(
    transaction: StoreTransaction,
    { issuer, subject, groups, authenticatedAtMs = 0 }: FederatedUser,
    email: string,
    from: SignInPlace,
  ): Promise<Outcome> {
    const now = clock.wallMs();
    const grant = await findGrant(transaction, roles, groups);
    const known = await transaction.operators.findByIdentity({ issuer, subject });
    if (grant === undefined) {
      if (known !== undefined) await endSessions(transaction, known, now);
      return refuse("None of the groups that the identity provider names has a role here.", known);
    }
    const holder = await transaction.operators.findByEmail(email);
    if (holder !== undefined && holder.id !== known?.id) {
      if (holder.federated === null) {
        return refuse("The e-mail address belongs to an operator who comes another way.", known);
      }
      // The provider says whose it is now; that of an issuer before, or of a subject who had it, names them no more.
      await rename(transaction, holder, holder.federated, now);
    }
    if (known === undefined) {
      const operator = await insert(transaction, { issuer, subject }, email, grant, now);
      return beginSession(transaction, dependencies, operator, "single_sign_on", from, authenticatedAtMs);
    }
    if (known.status !== "active") return refuse("The operator is deactivated.", known);
    const isOwnerNoMore = isUnlimitedOwner(known) && !isUnlimitedOwner(grant);
    if (isOwnerNoMore && (await transaction.operators.countOwners()) === 1) {
      await endSessions(transaction, known, now);
      return refuse("This sign-in would demote the last owner; countersign operator invite makes another.", known);
    }
    const operator = await update(transaction, known, email, grant, now);
    return beginSession(transaction, dependencies, operator, "single_sign_on", from, authenticatedAtMs);
  }

  return {
    issuer: provider.issuer,

    start(redirectUri, isFresh = false) {
      return provider.start(challenges.make({ kind: "single-sign-on" }).toString("base64url"), redirectUri, isFresh);
    },

    async finish(callbackUrl, flow, from) {
      const outcome = await decide(callbackUrl, flow, from).catch((error: unknown) => {
        if (error instanceof Refusal && error.code === "single_sign_on_failed")
          return { refusal: error, operator: undefined };
        throw error;
      });
      if ("refusal" in outcome) {
        refused.note({ operator: outcome.operator, method: "single_sign_on", address: from.address });
        throw outcome.refusal;
      }
      return outcome;
    },
  };

  async function decide(callbackUrl: URL, flow: SignInFlow, from: SignInPlace): Promise<Outcome> {
    const challenge = challenges.check(Buffer.from(flow.state, "base64url"), { kind: "single-sign-on" });
    if (challenge === undefined) throw failed("The sign-in took too long, or began elsewhere.");
    const user = await provider.finish(callbackUrl, flow);
    const address = parseEmail(user.email ?? "");
    if (address === undefined) throw failed("The identity provider gives no e-mail address that can be used.");
    if (user.isEmailVerified === false) throw failed("The identity provider hasn't verified the e-mail address.");
    if (flow.isFresh === true && !isRecent(user.authenticatedAtMs, clock.wallMs())) {
      throw failed("The identity provider was to ask anew, and didn't, or doesn't say when it did.");
    }
    const email = user.isEmailVerified === true ? address : identityName(user);
    return store.transaction(async (transaction): Promise<Outcome> => {
      if (!(await transaction.passkeys.useChallenge(challenge.hash, challenge.expiresAtMs))) {
        return refuse("The answer was used before.", undefined);
      }
      return admit(transaction, user, email, from);
    });
  }
}

/** The highest role that the groups give; of the same role, one that isn't limited, then the one that is configured first. */
async function findGrant(
  transaction: StoreTransaction,
  roles: readonly RoleMapping[],
  groups: readonly string[],
): Promise<Grant | undefined> {
  const rank = ({ role, account }: RoleMapping) => ROLES.indexOf(role) * 2 + (account === null ? 1 : 0);
  const given = roles.filter(({ group }) => groups.includes(group)).toSorted((a, b) => rank(b) - rank(a));
  for (const { role, account: shortname } of given) {
    if (shortname === null) return { role, accountId: null, account: null };
    const account = await transaction.accounts.find(shortname);
    // It may be made later.
    if (account !== undefined) return { role, accountId: account.id, account: shortname };
  }
  return undefined;
}

async function insert(
  transaction: StoreTransaction,
  federated: FederatedIdentity,
  email: string,
  { role, account, accountId }: Grant,
  now: number,
): Promise<Operator> {
  const operator = await transaction.operators.insert({
    email,
    role,
    accountId,
    passwordHash: null,
    federated,
    createdAtMs: now,
  });
  // Links by which somebody else could become this operator, or the first one.
  await transaction.invitations.deleteOfKind("setup");
  for (const { id } of await transaction.invitations.findFor(email, now)) await transaction.invitations.delete(id);
  await transaction.events.append(
    operatorEvent(now, operatorActor(operator), "operator.created", operator, {
      role,
      account,
      kind: "single_sign_on",
    }),
  );
  return operator;
}

/**
 * What an operator is called whose e-mail address nobody has verified. No e-mail address has this form, so it is nobody's. Of the
 * subject only a hash: it may look like another operator's name.
 */
function identityName({ issuer, subject }: FederatedIdentity): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("hex");
  return `${new URL(issuer).host}/${hash.slice(0, 16)}`;
}

/** Takes an e-mail address from an operator whom the identity provider doesn't call so any more. */
async function rename(
  transaction: StoreTransaction,
  holder: Operator,
  identity: FederatedIdentity,
  now: number,
): Promise<void> {
  const email = identityName(identity);
  await transaction.operators.update(holder.id, { email });
  const details = { previous_email: holder.email, kind: "single_sign_on" };
  await transaction.events.append(operatorEvent(now, "system", "operator.changed", { ...holder, email }, details));
}

function isRecent(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && Math.abs(nowMs - atMs) < FRESH_MS;
}

/** What the identity provider says now. */
async function update(
  transaction: StoreTransaction,
  known: Operator,
  email: string,
  { role, account, accountId }: Grant,
  now: number,
): Promise<Operator> {
  const operator = { ...known, email, role, account, accountId };
  if (email === known.email && role === known.role && accountId === known.accountId) return operator;
  await transaction.operators.update(known.id, { email, role, accountId });
  if (!mayGrant(operator, known)) await transaction.sessions.deleteAllOf(known.id);
  await transaction.events.append(
    operatorEvent(now, operatorActor(operator), "operator.changed", operator, {
      role,
      account,
      previous_role: known.role,
      previous_account: known.account,
      previous_email: known.email,
      kind: "single_sign_on",
    }),
  );
  return operator;
}

async function endSessions(transaction: StoreTransaction, operator: Operator, now: number): Promise<void> {
  await transaction.sessions.deleteAllOf(operator.id);
  await transaction.events.append(
    operatorEvent(now, operatorActor(operator), "operator.session_ended", operator, {
      sessions: "all",
      kind: "single_sign_on",
    }),
  );
}

function refuse(message: string, operator: Operator | undefined): Outcome {
  return { refusal: failed(message), operator };
}

function failed(message: string): Refusal {
  return new Refusal("single_sign_on_failed", message);
}
