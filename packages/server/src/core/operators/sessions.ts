import type { StoreTransaction } from "../registry/store.ts";
import { hashSecret } from "../secret-form.ts";
import { type Clock, nowMs, type Random } from "../surroundings.ts";
import { operatorEvent } from "./events.ts";
import type { AdminToken, Operator, Session, SignInMethod } from "./model.ts";
import { SESSION_SECRETS } from "./secrets.ts";

/** A session that nobody asked anything by for so long is over, in milliseconds; at equality it is. */
export const SESSION_IDLE_MS = 3_600_000;

/** A session is over so long after it began, whatever was asked, in milliseconds; at equality it is. */
export const SESSION_MS_MAX = 12 * 3_600_000;

/** How often it is written when a session was seen, or an admin token used, in milliseconds. */
export const SEEN_MS = 60_000;

/** Longest text of what a browser calls itself, in characters. */
const USER_AGENT_CHARACTERS_MAX = 200;

/** Where somebody signs in from. */
export interface SignInPlace {
  readonly address: string;
  readonly userAgent: string;
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

/** Begins a session, under a secret that nobody has had before, and says so in the audit log. */
export async function beginSession(
  transaction: StoreTransaction,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  operator: Operator,
  method: SignInMethod,
  { address, userAgent }: SignInPlace,
): Promise<SignedIn> {
  if (operator.status !== "active") throw new Error("a deactivated operator can't have a session");
  const secret = SESSION_SECRETS.make(random);
  const now = nowMs(clock);
  const session = await transaction.insertSession({
    operatorId: operator.id,
    secretHash: hashSecret(secret),
    method,
    createdAtMs: now,
    lastSeenAtMs: now,
    userAgent: printableUserAgent(userAgent),
    address,
  });
  await transaction.updateOperator(operator.id, { lastSignedInAtMs: now });
  await transaction.appendEvent(
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
