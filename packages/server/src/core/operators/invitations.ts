import type { ChangeTx } from "../change/change-tx.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import { hashSecret } from "../secret-form.ts";
import type { Random } from "../surroundings.ts";
import { loadOperator, requireStillAuthor, resolveGrant, type WantedGrant } from "./author-rules.ts";
import { canSee } from "./authorize.ts";
import { requireEmail } from "./email.ts";
import { ofInvitation } from "./events.ts";
import type { Invitation, InvitationId, OperatorId } from "./model.ts";
import { LINK_SECRETS } from "./secrets.ts";

/** How long a one-time link is valid, in milliseconds. */
export const LINK_MS = 86_400_000;

/** An invitation with the secret in which its link ends. The secret can't be read again. */
export interface WithLinkSecret {
  readonly invitation: Invitation;
  readonly secret: string;
}

/** Creates the link for the first owner, and voids earlier ones; `undefined` if there is an operator. */
export async function makeSetupLink(tx: ChangeTx, random: Random): Promise<WithLinkSecret | undefined> {
  if ((await tx.operators.count()) > 0) return undefined;
  await tx.invitations.deleteOfKind("setup");
  return makeLink(tx, random, { kind: "setup", email: null, role: "owner", accountId: null });
}

/**
 * Creates a link for a new operator. Earlier links for the same address are withdrawn.
 *
 * @throws {Refusal} `field_invalid`, `forbidden`; `conflict` if there is such an operator; `sign_in_required`
 */
export async function inviteOperator(
  tx: ChangeTx,
  { email: text, ...wanted }: WantedGrant & { readonly email: string },
  random: Random,
): Promise<WithLinkSecret> {
  const email = requireEmail(text);
  await requireStillAuthor(tx);
  const grant = await resolveGrant(tx, wanted);
  const holder = await tx.operators.findByEmail(email);
  // An author who is limited to an account learns nothing about operators elsewhere: a link for one of them can't be used.
  if (holder !== undefined && canSee(tx.author, holder.accountId)) {
    throw fieldRefusal("conflict", `There is an operator ${email} already.`, "email");
  }
  for (const before of await tx.invitations.findFor(email, tx.nowMs)) {
    if (canSee(tx.author, before.accountId)) await withdraw(tx, before);
  }
  return makeLink(tx, random, { kind: "invitation", email, ...grant });
}

/**
 * Creates a link by which an operator can sign in again. Until it is used, nothing changes.
 *
 * @throws {Refusal} `not_found`, `forbidden`; `conflict` if the operator is deactivated or uses single sign-on; `sign_in_required`
 */
export async function resetOperator(tx: ChangeTx, id: OperatorId, random: Random): Promise<WithLinkSecret> {
  await requireStillAuthor(tx);
  const { email, role, accountId, federated, status } = await loadOperator(tx, id);
  if (federated !== null) {
    throw new Refusal("conflict", `${email} uses single sign-on; reset access at the identity provider.`);
  }
  if (status !== "active") throw new Refusal("conflict", `${email} is deactivated.`);
  await withdrawInvitationsFor(tx, email);
  return makeLink(tx, random, { kind: "reset", email, role, accountId });
}

/** @throws {Refusal} `not_found` */
export async function withdrawInvitation(tx: ChangeTx, id: InvitationId): Promise<void> {
  const invitation = await tx.invitations.find(id);
  // The set-up link belongs to the server.
  if (invitation === undefined || invitation.kind === "setup" || !canSee(tx.author, invitation.accountId)) {
    throw new Refusal("not_found", `There is no invitation ${id}.`);
  }
  await withdraw(tx, invitation);
}

/** Withdraws every link for an address. */
export async function withdrawInvitationsFor(tx: ChangeTx, email: string): Promise<void> {
  for (const invitation of await tx.invitations.findFor(email, tx.nowMs)) await withdraw(tx, invitation);
}

async function withdraw(tx: ChangeTx, invitation: Invitation): Promise<void> {
  await tx.invitations.delete(invitation.id);
  await tx.append({ action: "invitation.withdrawn", ...ofInvitation(invitation) });
}

async function makeLink(
  tx: ChangeTx,
  random: Random,
  link: Pick<Invitation, "kind" | "email" | "role" | "accountId">,
): Promise<WithLinkSecret> {
  const secret = LINK_SECRETS.make(random);
  const invitation = await tx.invitations.insert({
    ...link,
    secretHash: hashSecret(secret),
    createdBy: tx.author.actor,
    createdAtMs: tx.nowMs,
    expiresAtMs: tx.nowMs + LINK_MS,
  });
  await tx.append({ action: "invitation.created", ...ofInvitation(invitation) });
  return { invitation, secret };
}
