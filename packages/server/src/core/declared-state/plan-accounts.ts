import { changeAccount, createAccount, loadAccount } from "../accounts/changes.ts";
import type { Account } from "../accounts/model.ts";
import type { DeclaredAccount } from "./model.ts";
import { planUsers } from "./plan-users.ts";
import { addProblem, type Planning, refuseToPruneAll } from "./planning.ts";
import { actionOf, changedMeanwhile, diffMembers, requireAsPlanned, type ShownMembers, type Step } from "./step.ts";

/** Plans the accounts, with their API users and keys. @param existing every account of the registry */
export async function planAccounts(
  planning: Planning,
  declared: readonly DeclaredAccount[],
  existing: readonly Account[],
): Promise<void> {
  const byShortname = new Map(existing.map((account) => [account.shortname, account]));
  for (const account of declared) {
    const present = byShortname.get(account.shortname);
    if (present !== undefined && present.archivedAtMs !== null && account.status === "active") {
      addProblem(planning, `${account.at}/status`, "The account is archived, so it can't be active. Restore it first.");
    }
    const step = present === undefined ? creation(account) : change(account, present);
    if (step !== undefined) planning.steps.push(step);
    await planUsers(planning, account, present);
  }
  const { prune, registry, prunes } = planning;
  // A document for one account says nothing about others.
  if (!prune || registry.account !== undefined) return;
  const names = new Set(declared.map(({ shortname }) => shortname));
  const others = existing.filter(({ shortname, status }) => status === "active" && !names.has(shortname));
  refuseToPruneAll(planning, "accounts", declared, others.length);
  for (const account of others) prunes.push(deactivation(account));
}

function shown({ name, status, keyAgeMaxSeconds, description, contact }: Account): ShownMembers {
  return { name, status, key_age_max_seconds: keyAgeMaxSeconds, description, contact };
}

function creation(declared: DeclaredAccount): Step {
  const { shortname, name = shortname, status = "active", keyAgeMaxSeconds = null } = declared;
  const { description = null, contact = null } = declared;
  return {
    action: "create",
    kind: "account",
    name: shortname,
    changes: diffMembers(
      { name: shortname, status: "active" },
      { name, status, key_age_max_seconds: keyAgeMaxSeconds, description, contact },
    ),
    isPruned: false,
    async run(tx) {
      if ((await tx.accounts.find(shortname)) !== undefined) throw changedMeanwhile();
      await createAccount(tx, { shortname, name });
      await changeAccount(tx, shortname, { status, keyAgeMaxSeconds, description, contact });
      return undefined;
    },
  };
}

function change(declared: DeclaredAccount, present: Account): Step | undefined {
  const { shortname, name, status, keyAgeMaxSeconds, description, contact } = declared;
  const members = { name, status, key_age_max_seconds: keyAgeMaxSeconds, description, contact };
  const changes = diffMembers(shown(present), members);
  if (changes.length === 0) return undefined;
  return {
    action: actionOf(changes),
    kind: "account",
    name: shortname,
    changes,
    isPruned: false,
    async run(tx) {
      requireAsPlanned(shown(await loadAccount(tx, shortname)), changes);
      await changeAccount(tx, shortname, { name, status, keyAgeMaxSeconds, description, contact });
      return undefined;
    },
  };
}

function deactivation({ shortname }: Account): Step {
  const changes = [{ member: "status", from: "active", to: "deactivated" }];
  return {
    action: "deactivate",
    kind: "account",
    name: shortname,
    changes,
    isPruned: true,
    async run(tx) {
      requireAsPlanned(shown(await loadAccount(tx, shortname)), changes);
      await changeAccount(tx, shortname, { status: "deactivated" });
      return undefined;
    },
  };
}
