import type { Account } from "../accounts/model.ts";
import { requireKnownAddresses } from "../networks.ts";
import { changeUser, createUser, loadUser, usernameOf } from "../users/changes.ts";
import type { ApiUser } from "../users/model.ts";
import { nameOf, PAGE_USERS } from "./export-registry.ts";
import { usernameIn } from "./key-owner.ts";
import type { DeclaredAccount, DeclaredUser } from "./model.ts";
import { planKeys } from "./plan-keys.ts";
import { addProblem, attempt, type Planning } from "./planning.ts";
import { actionOf, changedMeanwhile, diffMembers, requireAsPlanned, type ShownMembers, type Step } from "./step.ts";

/** Plans an account's API users and their keys. @param present the account in the registry, if it exists */
export async function planUsers(
  planning: Planning,
  account: DeclaredAccount,
  present: Account | undefined,
): Promise<void> {
  const { users: declared, shortname } = account;
  if (declared === undefined) return;
  const { store, steps } = planning;
  for (let from = 0; from < declared.length; from += PAGE_USERS) {
    await planning.yieldToEventLoop();
    const chunk = declared.slice(from, from + PAGE_USERS);
    const names = present === undefined ? [] : chunk.map(({ name }) => usernameOf(present, name));
    const found = new Map((await store.users.findAll(names)).map((user) => [nameOf(user), user]));
    const withKeys = chunk.filter(({ keys }) => keys !== undefined).flatMap(({ name }) => found.get(name)?.id ?? []);
    const keys = Map.groupBy(await store.keys.listOf(withKeys), ({ userId }) => userId);
    for (const user of chunk) {
      const existing = found.get(user.name);
      const step =
        existing === undefined ? await creation(planning, shortname, user) : await change(planning, user, existing);
      if (step !== undefined) steps.push(step);
      const owned = existing === undefined ? [] : (keys.get(existing.id) ?? []);
      await planKeys(planning, { account, presentAccount: present, user, existing }, owned);
    }
  }
  if (planning.prune && present !== undefined) await pruneUsers(planning, present, declared);
}

async function pruneUsers(
  { store, prunes, yieldToEventLoop }: Planning,
  account: Account,
  declared: readonly DeclaredUser[],
): Promise<void> {
  const names = new Set(declared.map(({ name }) => name));
  for (let after = ""; ; ) {
    const page = await store.users.listAfter(account.id, after, PAGE_USERS);
    const last = page.at(-1);
    if (last === undefined) return;
    for (const user of page) {
      if (user.status === "active" && !names.has(nameOf(user))) prunes.push(deactivation(user));
    }
    after = nameOf(last);
    await yieldToEventLoop();
  }
}

function shown(user: ApiUser): ShownMembers {
  const { access, status, mayRotate, networks, displayName, description, contact } = user;
  return { access, status, may_rotate: mayRotate, networks, display_name: displayName, description, contact };
}

async function creation(planning: Planning, shortname: string, declared: DeclaredUser): Promise<Step> {
  const { at, name, access = "full", status = "active", mayRotate = false, networks = [] } = declared;
  const { displayName = null, description = null, contact = null } = declared;
  await attempt(planning, `${at}/networks`, () => requireKnownAddresses(networks, [], planning.unnamedProxy));
  return {
    action: "create",
    kind: "user",
    name: `${shortname}/${name}`,
    changes: diffMembers(
      { access: "full", status: "active", may_rotate: false, networks: [] },
      { access, status, may_rotate: mayRotate, networks, display_name: displayName, description, contact },
    ),
    isPruned: false,
    async run(tx) {
      const username = await usernameIn(tx, shortname, name);
      if ((await tx.users.find(username)) !== undefined) throw changedMeanwhile();
      const notes = { displayName, description, contact };
      await createUser(tx, { name, account: shortname, access, mayRotate, networks, ...notes });
      if (status !== "active") await changeUser(tx, username, { status });
      return undefined;
    },
  };
}

async function change(planning: Planning, declared: DeclaredUser, present: ApiUser): Promise<Step | undefined> {
  const { at, access, status, mayRotate, networks, displayName, description, contact } = declared;
  const { username } = present;
  if (present.archivedAtMs !== null && status === "active") {
    addProblem(planning, `${at}/status`, "The API user is archived, so it can't be active. Restore it first.");
  }
  await attempt(planning, `${at}/networks`, () =>
    requireKnownAddresses(networks, present.networks, planning.unnamedProxy),
  );
  const members = { access, status, may_rotate: mayRotate, networks };
  const changes = diffMembers(shown(present), { ...members, display_name: displayName, description, contact });
  if (changes.length === 0) return undefined;
  return {
    action: actionOf(changes),
    kind: "user",
    name: `${present.account}/${declared.name}`,
    changes,
    isPruned: false,
    async run(tx) {
      requireAsPlanned(shown(await loadUser(tx, username)), changes);
      await changeUser(tx, username, { status, access, mayRotate, networks, displayName, description, contact });
      return undefined;
    },
  };
}

function deactivation(user: ApiUser): Step {
  const { username, account } = user;
  const changes = [{ member: "status", from: "active", to: "deactivated" }];
  return {
    action: "deactivate",
    kind: "user",
    name: `${account}/${nameOf(user)}`,
    changes,
    isPruned: true,
    async run(tx) {
      requireAsPlanned(shown(await loadUser(tx, username)), changes);
      await changeUser(tx, username, { status: "deactivated" });
      return undefined;
    },
  };
}
