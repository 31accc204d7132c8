import { isoTime } from "../json/registry.ts";
import { isUnlimitedOwner } from "../operators/authorize.ts";
import { changeOperator } from "../operators/changes.ts";
import { inviteOperator, type WithLinkSecret, withdrawInvitation } from "../operators/invitations.ts";
import type { Invitation, Operator } from "../operators/model.ts";
import { Refusal } from "../refusal.ts";
import { readAllPages } from "../store/read-all-pages.ts";
import { isOpenInvitation } from "./export-registry.ts";
import type { DeclaredOperator } from "./model.ts";
import { addProblem, type Planning, refuseToPruneAll } from "./planning.ts";
import {
  actionOf,
  changedMeanwhile,
  diffMembers,
  type MadeSecret,
  type MemberChange,
  requireAsPlanned,
  type ShownMembers,
  type Step,
} from "./step.ts";

type Invited = Invitation & { readonly email: string };

/**
 * Plans the operators. A new one gets a one-time link; until it is used, the invitation stands for the operator. Those who use single
 * sign-on get their role from the identity provider, and pruning leaves them.
 *
 * Operators gain before others lose, so that an owner always remains.
 */
export async function planOperators(planning: Planning, declared: readonly DeclaredOperator[]): Promise<void> {
  const { store, prune, steps, prunes, author, nowMs, registry } = planning;
  const visible = author.accountId === null ? {} : { accountId: author.accountId };
  const operators = await readAllPages((page) => store.operators.page(visible, page));
  const links = (await readAllPages((page) => store.invitations.page(visible, nowMs, page))).filter(isOpenInvitation);
  const byEmail = new Map(operators.map((operator) => [operator.email, operator]));
  // The newest link for an address, which the list has first.
  const invited = new Map(links.toReversed().map((link) => [link.email, link]));
  const after = new Map(operators.map((operator) => [operator, operator]));
  const losing: Step[] = [];
  for (const entry of declared) {
    const present = byEmail.get(entry.email);
    const link = invited.get(entry.email);
    checkAccount(planning, entry);
    if (present !== undefined) {
      const step = change(planning, entry, present);
      if (step === undefined) continue;
      after.set(present, withChanges(present, entry));
      (isOwner(withChanges(present, entry)) ? steps : losing).push(step);
    } else if (link !== undefined && registry.account !== undefined && link.account !== registry.account) {
      addProblem(planning, entry.at, "This invitation isn't limited to the account that the document describes.");
    } else if (link !== undefined) {
      steps.push(...changeOfInvitation(planning, entry, link));
    } else if (entry.status !== "deactivated") {
      steps.push(invitation(planning, entry));
    }
  }
  steps.push(...losing);
  if (prune) {
    const emails = new Set(declared.map(({ email }) => email));
    const isOther = ({ email, account }: { readonly email: string; readonly account: string | null }) =>
      !emails.has(email) && (registry.account === undefined || account === registry.account);
    const others = operators.filter(
      (operator) => operator.status === "active" && operator.federated === null && isOther(operator),
    );
    const open = [...invited.values()].filter((link) => !byEmail.has(link.email) && isOther(link));
    refuseToPruneAll(planning, "operators", declared, others.length + open.length);
    for (const operator of others) after.set(operator, { ...operator, status: "deactivated" });
    prunes.push(...open.map((link) => withdrawal(link, true)), ...others.map(deactivation));
  }
  if (operators.some(isOwner) && ![...after.values()].some(isOwner)) {
    addProblem(
      planning,
      "/operators",
      "No active owner of all accounts would remain. An invited operator becomes one only by using the link.",
    );
  }
}

function isOwner(operator: Operator): boolean {
  return operator.status === "active" && isUnlimitedOwner(operator);
}

/** The operator as it will be. The account's id matters only for whether there is one. */
function withChanges(
  present: Operator,
  { role, account = present.account, status = present.status }: DeclaredOperator,
) {
  const accountId = account === null ? null : (present.accountId ?? (-1 as NonNullable<Operator["accountId"]>));
  return { ...present, role, account, accountId, status };
}

function checkAccount(planning: Planning, { at, account }: DeclaredOperator): void {
  if (typeof account !== "string" || planning.shortnames.has(account)) return;
  addProblem(planning, `${at}/account`, "There is no account of that name.");
}

function shown({ role, account, status }: Pick<Operator, "role" | "account" | "status">): ShownMembers {
  return { role, account, status };
}

function change(planning: Planning, declared: DeclaredOperator, present: Operator): Step | undefined {
  const { at, role, account, status } = declared;
  const { registry } = planning;
  if (registry.account !== undefined && present.account !== registry.account) {
    addProblem(planning, at, "This operator isn't limited to the account that the document describes.");
    return undefined;
  }
  const changes = diffMembers(shown(present), { role, account, status });
  if (changes.length === 0) return undefined;
  if (present.federated !== null && changes.some(({ member }) => member !== "status")) {
    addProblem(
      planning,
      at,
      "This operator uses single sign-on: the groups at the identity provider decide on the role. Leave the entry out.",
    );
  }
  return changing(present, changes, { role, account, status }, false);
}

function deactivation(present: Operator): Step {
  const changes = [{ member: "status", from: "active", to: "deactivated" }];
  return changing(present, changes, { status: "deactivated" }, true);
}

function changing(
  { id, email }: Operator,
  changes: readonly MemberChange[],
  patch: Parameters<typeof changeOperator>[2],
  isPruned: boolean,
): Step {
  return {
    action: actionOf(changes),
    kind: "operator",
    name: email,
    changes,
    isPruned,
    async run(tx) {
      const now = await tx.operators.find(id);
      if (now === undefined) throw changedMeanwhile();
      requireAsPlanned(shown(now), changes);
      await changeOperator(tx, id, patch);
      return undefined;
    },
  };
}

function invitation(planning: Planning, { email, role, account = null }: DeclaredOperator): Step {
  return {
    action: "create",
    kind: "operator",
    name: email,
    changes: diffMembers({}, { role, account }),
    isPruned: false,
    makesSecret: true,
    async run(tx) {
      const made = await inviteOperator(tx, { email, role, account }, planning.random);
      return linkOf(made);
    },
  };
}

function changeOfInvitation(planning: Planning, declared: DeclaredOperator, link: Invited): readonly Step[] {
  const { email, role, account = link.account, status } = declared;
  if (status === "deactivated") return [withdrawal(link, false)];
  const changes = diffMembers({ role: link.role, account: link.account }, { role, account });
  if (changes.length === 0) return [];
  return [{ ...invitation(planning, { ...declared, email, role, account }), action: "change", changes }];
}

function withdrawal({ id, email }: Invited, isPruned: boolean): Step {
  return {
    action: "deactivate",
    kind: "operator",
    name: email,
    changes: [{ member: "status", from: "invited", to: "withdrawn" }],
    isPruned,
    async run(tx) {
      await withdrawInvitation(tx, id).catch((error: unknown) => {
        throw error instanceof Refusal && error.code === "not_found" ? changedMeanwhile() : error;
      });
      return undefined;
    },
  };
}

function linkOf({ invitation: { email, expiresAtMs }, secret }: WithLinkSecret): MadeSecret {
  return { kind: "operator", name: email ?? "", link_secret: secret, expires_at: isoTime(expiresAtMs) };
}
