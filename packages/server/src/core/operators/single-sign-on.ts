import { createHash } from "node:crypto";
import { ROLES, type Role } from "@countersign/protocol";
import { revokeTokensOf } from "./admin-tokens.ts";
import { isUnlimitedOwner, mayGrant } from "./authorize.ts";
import { Refusal } from "../refusal.ts";
import { type ChangeTx, SYSTEM } from "../change/change-tx.ts";
import { parseEmail } from "./email.ts";
import { ofOperator } from "./events.ts";
import type { FederatedIdentity, Grant, Operator } from "./model.ts";
import { beginSession, FRESH_MS, operatorActor, type SignedIn, type SignInPlace } from "./sessions.ts";
import type { SignInDependencies } from "./sign-in.ts";

/** The grant of a group at the identity provider. */
export interface RoleMapping {
  readonly group: string;
  readonly role: Role;
  /** The shortname of the account that the grant is limited to; `null` for all accounts. */
  readonly account: string | null;
}

/** A user of the identity provider. */
export interface FederatedUser extends FederatedIdentity {
  readonly email: string | undefined;
  /** `undefined` if the provider doesn't say. */
  readonly isEmailVerified: boolean | undefined;
  readonly groups: readonly string[];
  /** When the user last authenticated there (`auth_time`), in milliseconds since the epoch; `undefined` if the provider doesn't say. */
  readonly authenticatedAtMs?: number | undefined;
}

/** What the browser keeps while it is at the identity provider. */
export interface SignInFlow {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** Was the provider asked for a new login? */
  readonly isFresh?: boolean | undefined;
}

/**
 * An OpenID provider (OpenID Connect Core 1.0, authorization code flow with PKCE).
 *
 * @throws {Refusal} `unavailable` if it can't be reached; `single_sign_on_failed`. Neither repeats anything that the provider sent.
 */
export interface IdentityProvider {
  readonly issuer: string;
  /** @param isFresh must the provider require a new login, and say when it was? */
  start(
    state: string,
    redirectUri: string,
    isFresh: boolean,
  ): Promise<{ readonly url: string; readonly flow: SignInFlow }>;
  /** @param callbackUrl with all parameters that the provider sent */
  finish(callbackUrl: URL, flow: SignInFlow): Promise<FederatedUser>;
}

/**
 * Sign-in through the identity provider. It identifies operators by issuer and subject, and sets their role by their groups at each
 * sign-in. It never links an operator who signs in another way, whatever the e-mail address. An operator whose address the provider
 * hasn't verified is named by issuer and subject instead, which leaves the address to its owner.
 *
 * All reject with {@link Refusal}: `single_sign_on_failed`, whose message is for the log, or `unavailable`.
 */
export interface SingleSignOn {
  readonly issuer: string;
  start(redirectUri: string, isFresh?: boolean): Promise<{ readonly url: string; readonly flow: SignInFlow }>;
  /** Each flow works once. */
  finish(callbackUrl: URL, flow: SignInFlow, from: SignInPlace): Promise<SignedIn>;
}

/** A refused sign-in may have changed something, such as ended sessions: its transaction is committed. */
type Outcome = SignedIn | { readonly refusal: Refusal; readonly operator: Operator | undefined };

export function createSingleSignOn(
  dependencies: SignInDependencies,
  provider: IdentityProvider,
  roles: readonly RoleMapping[],
): SingleSignOn {
  const { random, clock, commit, challenges, refused } = dependencies;

  async function admit(
    tx: ChangeTx,
    { issuer, subject, groups, authenticatedAtMs = 0 }: FederatedUser,
    email: string,
    from: SignInPlace,
  ): Promise<Outcome> {
    const grant = await findGrant(tx, roles, groups);
    const known = await tx.operators.findByIdentity({ issuer, subject });
    if (grant === undefined) {
      if (known !== undefined) await endSessions(tx, known);
      return refuse("None of the groups that the identity provider names has a role here.", known);
    }
    const holder = await tx.operators.findByEmail(email);
    if (holder !== undefined && holder.id !== known?.id) {
      if (holder.federated === null) {
        return refuse("The e-mail address belongs to an operator who signs in another way.", known);
      }
      // The provider decides whose address it is: a former subject, or one of a former issuer, no longer has it.
      await rename(tx, holder, holder.federated);
    }
    if (known === undefined) {
      const operator = await insert(tx, { issuer, subject }, email, grant);
      return beginSession(tx, random, operator, "single_sign_on", from, authenticatedAtMs);
    }
    if (known.status !== "active") return refuse("The operator is deactivated.", known);
    const isOwnerNoMore = isUnlimitedOwner(known) && !isUnlimitedOwner(grant);
    if (isOwnerNoMore && (await tx.operators.countOwners()) === 1) {
      await endSessions(tx, known);
      return refuse("This sign-in would demote the last owner; countersign operator invite makes another.", known);
    }
    const operator = await update(tx, known, email, grant);
    return beginSession(tx, random, operator, "single_sign_on", from, authenticatedAtMs);
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
      throw failed(
        "The identity provider was asked for a new login, but didn't require one, or doesn't say when it was.",
      );
    }
    const email = user.isEmailVerified === true ? address : identityName(user);
    const work = async (tx: ChangeTx): Promise<Outcome> => {
      if (!(await tx.challenges.use(challenge))) {
        return refuse("The answer was used before.", undefined);
      }
      return admit(tx, user, email, from);
    };
    // The operator who signs in is the actor of the events.
    return (await commit(work, { author: SYSTEM })).result;
  }
}

/** The highest role of the groups; of equal roles, one for all accounts, then the one that is configured first. */
async function findGrant(
  tx: ChangeTx,
  roles: readonly RoleMapping[],
  groups: readonly string[],
): Promise<Grant | undefined> {
  const rank = ({ role, account }: RoleMapping) => ROLES.indexOf(role) * 2 + (account === null ? 1 : 0);
  const given = roles.filter(({ group }) => groups.includes(group)).toSorted((a, b) => rank(b) - rank(a));
  for (const { role, account: shortname } of given) {
    if (shortname === null) return { role, accountId: null, account: null };
    const account = await tx.accounts.find(shortname);
    // An account that doesn't exist may be created later.
    if (account !== undefined) return { role, accountId: account.id, account: shortname };
  }
  return undefined;
}

async function insert(
  tx: ChangeTx,
  federated: FederatedIdentity,
  email: string,
  { role, account, accountId }: Grant,
): Promise<Operator> {
  const operator = await tx.operators.insert({
    email,
    role,
    accountId,
    passwordHash: null,
    federated,
    createdAtMs: tx.nowMs,
  });
  // With these links, another person could become this operator, or the first owner.
  await tx.invitations.deleteOfKind("setup");
  for (const { id } of await tx.invitations.findFor(email, tx.nowMs)) await tx.invitations.delete(id);
  await tx.append(
    { action: "operator.created", ...ofOperator(operator), role, account, kind: "single_sign_on" },
    operatorActor(operator),
  );
  return operator;
}

/**
 * The name of an operator whose e-mail address isn't verified. No e-mail address has this form. It holds a hash of the subject,
 * which itself may look like another operator's name.
 */
function identityName({ issuer, subject }: FederatedIdentity): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("hex");
  return `${new URL(issuer).host}/${hash.slice(0, 16)}`;
}

/** Takes an e-mail address from an operator for whom the identity provider no longer gives it. */
async function rename(tx: ChangeTx, holder: Operator, identity: FederatedIdentity): Promise<void> {
  const email = identityName(identity);
  await tx.operators.update(holder.id, { email });
  await tx.append({
    action: "operator.changed",
    ...ofOperator({ ...holder, email }),
    previousEmail: holder.email,
    kind: "single_sign_on",
  });
}

function isRecent(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && Math.abs(nowMs - atMs) < FRESH_MS;
}

/** Updates an operator's address and grant to what the identity provider says now. */
async function update(
  tx: ChangeTx,
  known: Operator,
  email: string,
  { role, account, accountId }: Grant,
): Promise<Operator> {
  const operator = { ...known, email, role, account, accountId };
  if (email === known.email && role === known.role && accountId === known.accountId) return operator;
  await tx.operators.update(known.id, { email, role, accountId });
  if (!mayGrant(operator, known)) {
    await tx.sessions.deleteAllOf(known.id);
    await revokeTokensOf(tx, known.id, operatorActor(operator));
  }
  await tx.append(
    {
      action: "operator.changed",
      ...ofOperator(operator),
      role,
      account,
      previousRole: known.role,
      previousAccount: known.account,
      previousEmail: known.email,
      kind: "single_sign_on",
    },
    operatorActor(operator),
  );
  return operator;
}

async function endSessions(tx: ChangeTx, operator: Operator): Promise<void> {
  await tx.sessions.deleteAllOf(operator.id);
  await revokeTokensOf(tx, operator.id, operatorActor(operator));
  await tx.append(
    { action: "operator.session_ended", ...ofOperator(operator), sessions: "all", kind: "single_sign_on" },
    operatorActor(operator),
  );
}

function refuse(message: string, operator: Operator | undefined): Outcome {
  return { refusal: failed(message), operator };
}

function failed(message: string): Refusal {
  return new Refusal("single_sign_on_failed", message);
}
