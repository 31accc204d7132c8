import { Refusal } from "../refusal.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { hashSecret } from "../secret-form.ts";
import type { Random } from "../surroundings.ts";
import { ofOperator } from "./events.ts";
import type { AdminToken, Operator, Session, SignInMethod } from "./model.ts";
import { SESSION_SECRETS } from "./secrets.ts";

/** Idle timeout of a session, in milliseconds; at equality the session is over. */
export const SESSION_IDLE_MS = 3_600_000;

/** The longest life of a session, in milliseconds; at equality the session is over. */
export const SESSION_MS_MAX = 12 * 3_600_000;

/**
 * How long a sign-in is fresh, in milliseconds; at equality it isn't. Actions that a thief of the session must not take require a
 * fresh sign-in: creating a credential, an operator or an admin token, and changing the signing keys.
 */
export const FRESH_MS = 300_000;

/** How often the last use of a session or admin token is written, in milliseconds. */
export const SEEN_MS = 60_000;

/** The longest stored User-Agent, in characters. */
const USER_AGENT_CHARACTERS_MAX = 200;

/** Where a sign-in comes from. */
export interface SignInPlace {
  readonly address: string;
  readonly userAgent: string;
  /** The secret of the browser's previous session, if any. If it is the same operator's, it ends. */
  readonly previousSecret?: string | undefined;
}

/** A new session. The secret is for the cookie, and can't be read again. */
export interface SignedIn {
  readonly operator: Operator;
  readonly session: Session;
  readonly secret: string;
}

export function isSessionOver({ createdAtMs, lastSeenAtMs }: Session, nowMs: number): boolean {
  return lastSeenAtMs + SESSION_IDLE_MS <= nowMs || createdAtMs + SESSION_MS_MAX <= nowMs;
}

/** When a session ends by its idle timeout if it isn't used, and when at the latest; milliseconds since the epoch. */
export function sessionEnds({ createdAtMs, lastSeenAtMs }: Session): {
  readonly idleEndsAtMs: number;
  readonly endsAtMs: number;
} {
  const endsAtMs = createdAtMs + SESSION_MS_MAX;
  return { idleEndsAtMs: Math.min(lastSeenAtMs + SESSION_IDLE_MS, endsAtMs), endsAtMs };
}

/** Is the session's sign-in fresh? A sign-in in the future, from a wrong clock, isn't. */
export function isFresh({ authenticatedAtMs }: Session, nowMs: number): boolean {
  return Math.abs(nowMs - authenticatedAtMs) < FRESH_MS;
}

/** @throws {Refusal} `fresh_sign_in_required` */
export function requireFresh(isFreshNow: boolean): void {
  if (isFreshNow) return;
  throw new Refusal("fresh_sign_in_required", `This needs a sign-in of the last ${FRESH_MS / 60_000} minutes.`, {
    hint: "Sign in again, then repeat it. The console does both.",
  });
}

/**
 * Begins a session with a new secret, and appends `operator.signed_in`, with the operator as the actor.
 *
 * @param authenticatedAtMs when the operator proved their identity; now, unless given
 */
export async function beginSession(
  tx: ChangeTx,
  random: Random,
  operator: Operator,
  method: SignInMethod,
  { address, userAgent, previousSecret }: SignInPlace,
  authenticatedAtMs = tx.nowMs,
): Promise<SignedIn> {
  if (operator.status !== "active") throw new Error("a deactivated operator can't have a session");
  const secret = SESSION_SECRETS.make(random);
  if (previousSecret !== undefined && SESSION_SECRETS.hasForm(previousSecret)) {
    await tx.sessions.deleteBySecret(operator.id, hashSecret(previousSecret));
  }
  const session = await tx.sessions.insert({
    operatorId: operator.id,
    secretHash: hashSecret(secret),
    method,
    createdAtMs: tx.nowMs,
    lastSeenAtMs: tx.nowMs,
    userAgent: printableUserAgent(userAgent),
    address,
    authenticatedAtMs,
  });
  await tx.operators.update(operator.id, { lastSignedInAtMs: tx.nowMs });
  await tx.append({ action: "operator.signed_in", ...ofOperator(operator), method }, operatorActor(operator));
  return { operator: { ...operator, lastSignedInAtMs: tx.nowMs }, session, secret };
}

/** The name of an operator as an actor in the audit log. */
export function operatorActor({ email }: Pick<Operator, "email">): string {
  return `operator:${email}`;
}

/** The name of an admin token as an actor in the audit log. */
export function adminTokenActor({ name }: Pick<AdminToken, "name">): string {
  return `admin-token:${name}`;
}

/** The text is untrusted, and is shown to operators. */
function printableUserAgent(text: string): string {
  return text.slice(0, USER_AGENT_CHARACTERS_MAX).toWellFormed().replaceAll(/\p{C}/gu, "?");
}
