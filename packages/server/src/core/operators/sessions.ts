import { Refusal } from "../refusal.ts";
import type { StoreTransaction } from "../store/store.ts";
import { hashSecret } from "../secret-form.ts";
import type { Clock, Random } from "../surroundings.ts";
import { operatorEvent } from "./events.ts";
import type { AdminToken, Operator, Session, SignInMethod } from "./model.ts";
import { SESSION_SECRETS } from "./secrets.ts";

/** A session that nobody asked anything by for so long is over, in milliseconds; at equality it is. */
export const SESSION_IDLE_MS = 3_600_000;

/** A session is over so long after it began, whatever was asked, in milliseconds; at equality it is. */
export const SESSION_MS_MAX = 12 * 3_600_000;

/**
 * How long a sign-in is fresh enough for what a thief of the session must not do, in milliseconds: make a credential, an operator or
 * an admin token, change the signing keys. At equality it isn't.
 */
export const FRESH_MS = 300_000;

/** How often it is written when a session was seen, or an admin token used, in milliseconds. */
export const SEEN_MS = 60_000;

/** Longest text of what a browser calls itself, in characters. */
const USER_AGENT_CHARACTERS_MAX = 200;

/** Where somebody signs in from. */
export interface SignInPlace {
  readonly address: string;
  readonly userAgent: string;
  /** The secret of the session that the browser has had, if any; where it is the same operator's, it ends. */
  readonly previousSecret?: string | undefined;
}

/** Somebody who has just signed in; the secret is for the cookie, and can't be read again. */
export interface SignedIn {
  readonly operator: Operator;
  readonly session: Session;
  readonly secret: string;
}

export function isSessionOver({ createdAtMs, lastSeenAtMs }: Session, nowMs: number): boolean {
  return lastSeenAtMs + SESSION_IDLE_MS <= nowMs || createdAtMs + SESSION_MS_MAX <= nowMs;
}

/** When a session ends unless something is asked before, and when in any case; milliseconds since the epoch. */
export function sessionEnds({ createdAtMs, lastSeenAtMs }: Session): {
  readonly idleEndsAtMs: number;
  readonly endsAtMs: number;
} {
  const endsAtMs = createdAtMs + SESSION_MS_MAX;
  return { idleEndsAtMs: Math.min(lastSeenAtMs + SESSION_IDLE_MS, endsAtMs), endsAtMs };
}

/** Did the session's holder prove themselves lately? A time ahead, from a clock that was wrong, counts as little as an old one. */
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
 * Begins a session, under a secret that nobody has had before, and says so in the audit log.
 *
 * @param authenticatedAtMs when they proved themselves; now, unless given
 */
export async function beginSession(
  transaction: StoreTransaction,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  operator: Operator,
  method: SignInMethod,
  { address, userAgent, previousSecret }: SignInPlace,
  authenticatedAtMs?: number,
): Promise<SignedIn> {
  if (operator.status !== "active") throw new Error("a deactivated operator can't have a session");
  const secret = SESSION_SECRETS.make(random);
  const now = clock.wallMs();
  if (previousSecret !== undefined && SESSION_SECRETS.isOne(previousSecret)) {
    await transaction.sessions.deleteBySecret(operator.id, hashSecret(previousSecret));
  }
  const session = await transaction.sessions.insert({
    operatorId: operator.id,
    secretHash: hashSecret(secret),
    method,
    createdAtMs: now,
    lastSeenAtMs: now,
    userAgent: printableUserAgent(userAgent),
    address,
    authenticatedAtMs: authenticatedAtMs ?? now,
  });
  await transaction.operators.update(operator.id, { lastSignedInAtMs: now });
  await transaction.events.append(
    operatorEvent(now, operatorActor(operator), "operator.signed_in", operator, { method }),
  );
  return { operator: { ...operator, lastSignedInAtMs: now }, session, secret };
}

/** As the audit log names an operator who does something. */
export function operatorActor({ email }: Pick<Operator, "email">): string {
  return `operator:${email}`;
}

/** As the audit log names a program that does something. */
export function adminTokenActor({ name }: Pick<AdminToken, "name">): string {
  return `admin-token:${name}`;
}

/** It is the browser's own text, and is shown to operators. */
function printableUserAgent(text: string): string {
  return text.slice(0, USER_AGENT_CHARACTERS_MAX).toWellFormed().replaceAll(/\p{C}/gu, "?");
}
