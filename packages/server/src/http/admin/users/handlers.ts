/** API users in the admin API. What an API user is, and how it changes, is in core/users. */
import { isoTime, userJson } from "../../../core/json/registry.ts";
import { requireKnownAddresses } from "../../../core/networks.ts";
import { fieldRefusal } from "../../../core/refusal.ts";
import { canSee } from "../../../core/operators/authorize.ts";
import { changeUser, createUser, loadUser as loadUserAgain, usernameOf } from "../../../core/users/changes.ts";
import type { ListedUser } from "../../../core/users/store.ts";
import type { Page } from "../../../core/store/page.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import { loadAccountOfField } from "../accounts/load-account.ts";
import { type CursorOrder, isReversed, listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { loadUser, todaySeconds } from "./load-user.ts";
import type { userRoutes } from "./routes.ts";
import { changeableOf } from "../http/schema.ts";
import { UserPatch } from "./schemas.ts";

const CHANGEABLE = changeableOf(UserPatch);

export function createUserHandlers(dependencies: RegistryHandlerDependencies): HandlersOf<typeof userRoutes> {
  const { store, clock, commit, unnamedProxy } = dependencies;
  return {
    async listUsers({ principal, query, target }) {
      const { q, name_prefix: namePrefix, account: shortname, status, access, archived } = query;
      const order = namePrefix === undefined ? (query.order ?? "newest") : "name";
      if (namePrefix !== undefined && query.order === "newest" && query.direction !== undefined) {
        const message =
          "A list by name_prefix is ordered by name: give order=name with a direction, or leave out order.";
        throw fieldRefusal("field_invalid", message, "direction");
      }
      const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
      // An account that doesn't exist, or that the caller can't see, has no users.
      const isElsewhere = shortname !== undefined && (account === undefined || !canSee(principal, account.id));
      const listOrder: CursorOrder =
        order === "name"
          ? { name: order, kinds: ["string", "number"], isReversed: isReversed(query, "ascending") }
          : { kinds: ["number"], isReversed: isReversed(query, "descending") };
      const page: Page<ListedUser> = isElsewhere
        ? { items: [], hasNext: false, hasPrevious: false, count: 0, before: 0 }
        : await store.users.page(
            {
              status,
              access,
              archived,
              accountId: account?.id ?? principal.accountId ?? undefined,
              search: q?.trim(),
              namePrefix,
            },
            order,
            todaySeconds(clock),
            parsePage(query, listOrder),
          );
      const keyOf = (user: ListedUser) => (order === "name" ? [nameOf(user), user.id] : [user.id]);
      return listOf(page, target, keyOf, shownUser, listOrder);
    },

    async createUser({ principal, body, idempotencyKey }) {
      const account = await loadAccountOfField(store, principal, body.account);
      const username = usernameOf(account, body.name);
      requireKnownAddresses(body.networks, [], unnamedProxy);
      const { may_rotate: mayRotate, display_name: displayName, ...newUser } = body;
      const { isRepeated } = await commit((tx) => createUser(tx, { ...newUser, mayRotate, displayName }), {
        author: principal,
        once: {
          key: idempotencyKey,
          request: ["createUser", body],
          kind: "user",
          idOf: ({ id }) => id,
          again: (tx) => loadUserAgain(tx, username),
        },
      });
      const user = await loadUser(dependencies, principal, username);
      return {
        data: shownUser(user),
        etag: entityTags.user(user),
        location: `/users/${user.username}`,
        isRepeated,
      };
    },

    async getUser({ principal, params }) {
      const user = await loadUser(dependencies, principal, params.username);
      return { data: shownUser(user), etag: entityTags.user(user) };
    },

    async changeUser({ principal, params: { username }, body, preconditions }) {
      const before = await loadUser(dependencies, principal, username);
      requireUnchanged(body, shownUser(before), CHANGEABLE);
      const { status, access, archived, networks, description, contact } = body;
      const notes = { displayName: body.display_name, description, contact };
      const patch = { status, access, archived, mayRotate: body.may_rotate, networks, ...notes };
      requireKnownAddresses(networks, before.networks, unnamedProxy);
      const { result: user } = await commit((tx) => changeUser(tx, username, patch), {
        author: principal,
        ifMatch: { ...preconditions, currentTag: async (tx) => entityTags.user(await loadUserAgain(tx, username)) },
      });
      return { data: shownUser({ ...before, ...user }), etag: entityTags.user(user) };
    },
  };
}

/** What follows `api-<account id>-`. */
function nameOf({ username, accountId }: ListedUser): string {
  return username.slice(`api-${accountId}-`.length);
}

function shownUser(user: ListedUser) {
  return {
    ...userJson(user),
    name: nameOf(user),
    active_keys: user.activeKeys,
    keys: user.keys,
    last_used_at: isoTime(user.lastUsedAtMs),
    tokens_today: user.tokensToday,
  };
}
