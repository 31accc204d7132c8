import { ADMIN_TOKEN_DAYS_DEFAULT, ADMIN_TOKEN_DAYS_MAX } from "@countersign/protocol";
import type { Author, ChangeTx } from "../change/change-tx.ts";
import { checkExpiry } from "../expiry.ts";
import { checkName, printable } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import { hashSecret } from "../secret-form.ts";
import type { Random } from "../surroundings.ts";
import { requireStillAuthor, resolveGrant, type WantedGrant } from "./author-rules.ts";
import { canSee } from "./authorize.ts";
import { ofAdminToken } from "./events.ts";
import type { AdminToken, AdminTokenId, OperatorId } from "./model.ts";
import { ADMIN_TOKENS } from "./secrets.ts";
import { adminTokenActor } from "./sessions.ts";

const DAY_MS = 86_400_000;

/** When an admin token expires: milliseconds since the epoch, `never`, or `undefined` for the default. */
export type TokenExpiry = number | "never" | undefined;

/** An admin token with its secret, which can't be read again. */
export interface WithToken {
  readonly token: AdminToken;
  readonly secret: string;
}

/**
 * Creates an admin token. A token that another token creates can't outlive it, and is bound to the same operator, if any.
 *
 * @throws {Refusal} `field_invalid`, `forbidden`; `conflict` if the name was used before; `sign_in_required`
 */
export async function createAdminToken(
  tx: ChangeTx,
  { name, expiry, ...wanted }: WantedGrant & { readonly name: string; readonly expiry?: TokenExpiry },
  random: Random,
): Promise<WithToken> {
  checkName("name", name);
  await requireStillAuthor(tx);
  const expiresAtMs = tokenExpiry(tx.author, expiry, tx.nowMs);
  const grant = await resolveGrant(tx, wanted);
  const fullName = fullTokenName(name, wanted.account);
  // Earlier versions left the account out of the name. Such a token blocks its name in its own account only.
  const older = await tx.adminTokens.findByName(name);
  const isTaken = (await tx.adminTokens.findByName(fullName)) !== undefined || older?.accountId === grant.accountId;
  if (isTaken) {
    throw fieldRefusal("conflict", `There is, or was, an admin token ${name}; names aren't used again.`, "name");
  }
  const secret = ADMIN_TOKENS.make(random);
  const token = await tx.adminTokens.insert({
    name: fullName,
    ...grant,
    secretHash: hashSecret(secret),
    createdBy: tx.author.actor,
    createdAtMs: tx.nowMs,
    expiresAtMs,
    operatorId: tx.author.token?.operatorId ?? null,
    hostName: null,
  });
  await tx.append({ action: "admin_token.created", ...ofAdminToken(token) });
  return { token, secret };
}

/**
 * Revokes an admin token permanently, and those that it created.
 *
 * @throws {Refusal} `not_found`; `conflict` if several accounts have a token of that name
 */
export async function revokeAdminToken(
  tx: ChangeTx,
  which: AdminTokenId | { readonly name: string },
): Promise<AdminToken> {
  const token = await loadAdminToken(tx, which);
  if (token.revokedAtMs !== null) return token;
  await revokeWithCreated(tx, token);
  return { ...token, revokedAtMs: tx.nowMs };
}

/** Revokes the author's own token, and those that it created. */
export async function revokeOwnToken(tx: ChangeTx): Promise<void> {
  if (tx.author.token === undefined) throw new Error("the author has an admin token");
  const token = await tx.adminTokens.find(tx.author.token.id);
  if (token !== undefined && token.revokedAtMs === null) await revokeWithCreated(tx, token);
}

/** Revokes every token that is bound to the operator: when their sessions end, so do their command lines. */
export async function revokeTokensOf(tx: ChangeTx, operatorId: OperatorId, actor?: string): Promise<void> {
  await tx.deviceSignIns.deleteApprovedBy(operatorId);
  for (const token of await tx.adminTokens.findOf(operatorId)) await revokeOne(tx, token, actor);
}

/** Signs one of the author's command lines out. @throws {Refusal} `not_found` */
export async function signOutCommandLine(tx: ChangeTx, id: AdminTokenId): Promise<void> {
  const token = await tx.adminTokens.find(id);
  if (token === undefined || token.operatorId === null || token.operatorId !== tx.author.operator?.id) {
    throw new Refusal("not_found", `There is no command line ${id}.`);
  }
  if (token.revokedAtMs === null) await revokeWithCreated(tx, token);
}

/** @throws {Refusal} `not_found`; `conflict` if several accounts have a token of that name */
export async function loadAdminToken(
  tx: ChangeTx,
  which: AdminTokenId | { readonly name: string },
): Promise<AdminToken> {
  const token = await (typeof which === "object" ? findTokenByName(tx, which.name) : tx.adminTokens.find(which));
  if (token !== undefined && canSee(tx.author, token.accountId)) return token;
  const name = typeof which === "object" ? which.name : String(which);
  throw unknownAdminToken(name);
}

/** The refusal of a name that no admin token has, or none that the author can see. */
export function unknownAdminToken(name: string): Refusal {
  return new Refusal("not_found", `There is no admin token ${printable(name)}.`, {
    unknownName: { kind: "admin-token", name },
  });
}

/** The refusal of a name that several accounts' tokens have. @param fullNames each with its account */
export function severalAdminTokens(name: string, fullNames: readonly string[]): Refusal {
  return new Refusal(
    "conflict",
    `Several accounts have an admin token ${printable(name)}; name one of ${fullNames.join(", ")}.`,
  );
}

/** By the full name, or by the name in its account if only one token has it. @throws {Refusal} `conflict` if several have it */
async function findTokenByName({ adminTokens }: ChangeTx, name: string): Promise<AdminToken | undefined> {
  const found = await adminTokens.findByName(name);
  if (found !== undefined) return found;
  const [first, ...others] = await adminTokens.findNamed(name);
  if (first === undefined || others.length === 0) return first;
  throw severalAdminTokens(
    name,
    [first, ...others].map((token) => token.name),
  );
}

/** A stolen token may have created others, which must not outlive it. */
async function revokeWithCreated(tx: ChangeTx, token: AdminToken): Promise<void> {
  await revokeOne(tx, token);
  for (const created of await tx.adminTokens.findCreatedBy(adminTokenActor(token))) {
    await revokeWithCreated(tx, created);
  }
}

async function revokeOne(tx: ChangeTx, token: AdminToken, actor?: string): Promise<void> {
  await tx.adminTokens.revoke(token.id, tx.nowMs);
  await tx.append({ action: "admin_token.revoked", ...ofAdminToken(token) }, actor);
}

/**
 * The name in the store and the audit log. Names are unique within an account, so that a conflict doesn't reveal the names of another
 * account's tokens.
 */
function fullTokenName(name: string, account: string | null): string {
  return account === null ? name : `${account}/${name}`;
}

/** When a new admin token expires. @throws {Refusal} `field_invalid`, `forbidden` */
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
      `An admin token is valid for ${ADMIN_TOKEN_DAYS_MAX} days at most, unless an operator says "never".`,
      "expires_at",
    );
  }
  if (ownEndMs !== null && expiry > ownEndMs) {
    throw new Refusal("forbidden", "An admin token can't make one that outlives it.");
  }
  return expiry;
}
