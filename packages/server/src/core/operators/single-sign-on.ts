import { ROLES, type Role } from "@countersign/protocol";
import { isUnlimitedOwner, mayGrant } from "../administration/authorize.ts";
import { Refusal } from "../refusal.ts";
import type { StoreTransaction } from "../registry/store.ts";
import { nowMs } from "../surroundings.ts";
import { parseEmail } from "./email.ts";
import { operatorEvent } from "./events.ts";
import type { FederatedIdentity, Grant, Operator } from "./model.ts";
import { beginSession, operatorActor, type SignedIn, type SignInPlace } from "./sessions.ts";
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
}

/** What the browser keeps between leaving for the identity provider and coming back. */
export interface SignInFlow {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/**
 * An OpenID provider (OpenID Connect Core 1.0, authorization code flow with PKCE).
 *
 * @throws {Refusal} `unavailable` where it can't be reached; `single_sign_on_failed`. Nothing that it said is in either.
 */
export interface IdentityProvider {
  readonly issuer: string;
  start(state: string, redirectUri: string): Promise<{ readonly url: string; readonly flow: SignInFlow }>;
  /** @param callbackUrl with everything that the provider sent along */
  finish(callbackUrl: URL, flow: SignInFlow): Promise<FederatedUser>;
}

/**
 * Sign-in through the identity provider. Operators are known by issuer and subject, and have the role that their groups give them
 * at each sign-in; an operator who came another way isn't linked, whatever the e-mail address.
 *
 * All reject with {@link Refusal}: `single_sign_on_failed`, whose words are for the log, or `unavailable`.
 */
export interface SingleSignOn {
  readonly issuer: string;
  start(redirectUri: string): Promise<{ readonly url: string; readonly flow: SignInFlow }>;
  /** Each flow once. */
  finish(callbackUrl: URL, flow: SignInFlow, from: SignInPlace): Promise<SignedIn>;
}

/** A sign-in that is refused although something has changed: the transaction isn't rolled back. */
type Outcome = SignedIn | Refusal;

export function createSingleSignOn(
  dependencies: SignInDependencies,
  provider: IdentityProvider,
  roles: readonly RoleMapping[],
): SingleSignOn {
  const { store, clock, challenges } = dependencies;

  async function admit(
    transaction: StoreTransaction,
    { issuer, subject, groups }: FederatedUser,
    email: string,
    from: SignInPlace,
  ): Promise<Outcome> {
    const now = nowMs(clock);
    const grant = await findGrant(transaction, roles, groups);
    const known = await transaction.findOperatorByIdentity({ issuer, subject });
    if (grant === undefined) {
      if (known !== undefined) await endSessions(transaction, known, now);
      return failed("None of the groups that the identity provider names has a role here.");
    }
    const holder = await transaction.findOperatorByEmail(email);
    if (holder !== undefined && holder.id !== known?.id) {
      return failed("The e-mail address belongs to an operator who comes another way.");
    }
    if (known === undefined) {
      const operator = await insert(transaction, { issuer, subject }, email, grant, now);
      return beginSession(transaction, dependencies, operator, "single_sign_on", from);
    }
    if (known.status !== "active") return failed("The operator is deactivated.");
    const isOwnerNoMore = isUnlimitedOwner(known) && !isUnlimitedOwner(grant);
    if (isOwnerNoMore && (await transaction.countOwners()) === 1) {
      await endSessions(transaction, known, now);
      return failed("The groups make no owner any more of the last owner; countersign operator invite makes another.");
    }
    const operator = await update(transaction, known, email, grant, now);
    return beginSession(transaction, dependencies, operator, "single_sign_on", from);
  }

  return {
    issuer: provider.issuer,

    start(redirectUri) {
      return provider.start(challenges.make({ kind: "single-sign-on" }).toString("base64url"), redirectUri);
    },

    async finish(callbackUrl, flow, from) {
      const challenge = challenges.check(Buffer.from(flow.state, "base64url"), { kind: "single-sign-on" });
      if (challenge === undefined) throw failed("The sign-in took too long, or began elsewhere.");
      const user = await provider.finish(callbackUrl, flow);
      const email = parseEmail(user.email ?? "");
      if (email === undefined) throw failed("The identity provider gives no e-mail address that can be used.");
      if (user.isEmailVerified === false) throw failed("The identity provider hasn't verified the e-mail address.");
      const outcome = await store.transaction(async (transaction): Promise<Outcome> => {
        if (!(await transaction.useChallenge(challenge.hash, challenge.expiresAtMs))) {
          return failed("The answer was used before.");
        }
        return admit(transaction, user, email, from);
      });
      if (outcome instanceof Refusal) throw outcome;
      return outcome;
    },
  };
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
    const account = await transaction.findAccount(shortname);
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
  const operator = await transaction.insertOperator({
    email,
    role,
    accountId,
    passwordHash: null,
    federated,
    createdAtMs: now,
  });
  // Links by which somebody else could become this operator, or the first one.
  await transaction.deleteInvitationsOfKind("setup");
  for (const { id } of await transaction.findInvitationsFor(email, now)) await transaction.deleteInvitation(id);
  await transaction.appendEvent(
    operatorEvent(now, operatorActor(operator), "operator.created", operator, {
      role,
      account,
      kind: "single_sign_on",
    }),
  );
  return operator;
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
  await transaction.updateOperator(known.id, { email, role, accountId });
  if (!mayGrant(operator, known)) await transaction.deleteSessionsOf(known.id);
  await transaction.appendEvent(
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
  await transaction.deleteSessionsOf(operator.id);
  await transaction.appendEvent(
    operatorEvent(now, operatorActor(operator), "operator.session_ended", operator, {
      sessions: "all",
      kind: "single_sign_on",
    }),
  );
}

function failed(message: string): Refusal {
  return new Refusal("single_sign_on_failed", message);
}
