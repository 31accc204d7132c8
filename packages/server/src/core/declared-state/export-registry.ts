import type { Account, AccountId } from "../accounts/model.ts";
import { isoTime } from "../json/registry.ts";
import type { PublicKey } from "../keys/model.ts";
import type { Invitation, Operator } from "../operators/model.ts";
import { readAllPages } from "../store/read-all-pages.ts";
import type { Store } from "../store/store.ts";
import type { ApiUser } from "../users/model.ts";
import type { Webhook } from "../webhooks/model.ts";
import { DOCUMENT_VERSION } from "./schema.ts";

/** How many API users are read at once, with their keys. */
export const PAGE_USERS = 200;

/** What an export has. */
export interface ExportScope {
  /** The account that is exported alone; `undefined` for everything. */
  readonly account?: Pick<Account, "id" | "shortname"> | undefined;
  /** Operators too? */
  readonly hasOperators: boolean;
}

export type ExportedKey = ReturnType<typeof exportedKey>;
export type ExportedUser = ReturnType<typeof exportedUser> & { readonly keys: readonly ExportedKey[] };
export type ExportedAccount = ReturnType<typeof exportedAccount>;
export type ExportedResourceServer = Awaited<ReturnType<typeof exportResourceServers>>[number];
export type ExportedWebhook = ReturnType<typeof exportedWebhook>;
export type ExportedOperator = ReturnType<typeof exportedOperator>;

/** A document of the registry as it is now. Its users are read while they are iterated over, so that they needn't fit into memory. */
export interface ExportedRegistry {
  readonly version: number;
  readonly account?: string;
  readonly accounts: readonly (ExportedAccount & { readonly users: AsyncIterable<ExportedUser> })[];
  readonly resource_servers?: readonly ExportedResourceServer[];
  readonly webhooks: readonly ExportedWebhook[];
  readonly operators?: readonly ExportedOperator[];
}

export interface ExportDependencies {
  readonly store: Pick<
    Store,
    "accounts" | "users" | "keys" | "resourceServers" | "webhooks" | "operators" | "invitations"
  >;
  /** Awaited between two pages of users, so that a server can answer requests. */
  readonly yieldToEventLoop?: () => Promise<void>;
}

/**
 * Exports the registry as a document that `planRegistry` finds no difference to. The lists have an order of their own, by name or
 * fingerprint, so that the same registry gives the same document, whatever the ids.
 *
 * Secrets aren't in it, nor operators who use single sign-on, nor what is archived: except an archived account that is exported alone,
 * which a document can only call deactivated. It isn't one snapshot: a change that is made meanwhile may be in it or not.
 */
export async function exportRegistry(
  { store, yieldToEventLoop = () => Promise.resolve() }: ExportDependencies,
  { account: only, hasOperators }: ExportScope,
  nowMs: number,
): Promise<ExportedRegistry> {
  const accounts = (await store.accounts.list()).filter(({ id, archivedAtMs }) =>
    only === undefined ? archivedAtMs === null : id === only.id,
  );
  const filter = only === undefined ? {} : { accountId: only.id };
  const webhooks = await readAllPages((page) => store.webhooks.page(filter, page));
  return {
    version: DOCUMENT_VERSION,
    ...(only !== undefined && { account: only.shortname }),
    accounts: accounts
      .toSorted(by(({ shortname }) => shortname))
      .map((account) => ({ ...exportedAccount(account), users: exportUsers(store, account.id, yieldToEventLoop) })),
    ...(only === undefined && { resource_servers: await exportResourceServers(store) }),
    webhooks: webhooks.toSorted(byWebhook).map(exportedWebhook),
    ...(hasOperators && { operators: await exportOperators(store, filter, nowMs) }),
  };
}

async function* exportUsers(
  { users, keys }: Pick<Store, "users" | "keys">,
  accountId: AccountId,
  yieldToEventLoop: () => Promise<void>,
): AsyncGenerator<ExportedUser> {
  for (let after = ""; ; ) {
    const page = await users.listAfter(accountId, after, PAGE_USERS);
    const last = page.at(-1);
    if (last === undefined) return;
    const own = Map.groupBy(await keys.listOf(page.map(({ id }) => id)), ({ userId }) => userId);
    for (const user of page) {
      const sorted = (own.get(user.id) ?? []).toSorted(by(({ fingerprint }) => fingerprint));
      yield { ...exportedUser(user), keys: sorted.map(exportedKey) };
    }
    after = nameOf(last);
    await yieldToEventLoop();
  }
}

async function exportResourceServers({ resourceServers }: Pick<Store, "resourceServers">) {
  const servers = await resourceServers.list();
  return servers.toSorted(by(({ name }) => name)).map(({ name, status }) => ({ name, status }));
}

/** Operators, and those who were invited: an invitation that is declared again is left as it is. */
async function exportOperators(
  { operators, invitations }: Pick<Store, "operators" | "invitations">,
  filter: { readonly accountId?: AccountId },
  nowMs: number,
): Promise<readonly ExportedOperator[]> {
  const all = await readAllPages((page) => operators.page(filter, page));
  const links = await readAllPages((page) => invitations.page(filter, nowMs, page));
  const known = new Set(all.map(({ email }) => email));
  const invited = links.flatMap((link) => {
    if (!isOpenInvitation(link) || known.has(link.email)) return [];
    known.add(link.email);
    return [exportedOperator({ ...link, status: "active" })];
  });
  const local = all.filter(({ federated }) => federated === null).map(exportedOperator);
  return [...local, ...invited].toSorted(by(({ email }) => email));
}

/** Is it a link for a new operator? */
export function isOpenInvitation(link: Invitation): link is Invitation & { readonly email: string } {
  return link.kind === "invitation" && link.email !== null;
}

function exportedAccount({ shortname, name, status, keyAgeMaxSeconds, description, contact }: Account) {
  return { shortname, name, status, key_age_max_seconds: keyAgeMaxSeconds, ...given({ description, contact }) };
}

function exportedUser(user: ApiUser) {
  const { access, status, mayRotate, networks, displayName, description, contact } = user;
  const notes = given({ display_name: displayName, description, contact });
  return { name: nameOf(user), access, status, may_rotate: mayRotate, networks, ...notes };
}

/** The notes that there are. Most things have none, and a document without them is shorter. */
function given(notes: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(notes).filter((note): note is [string, string] => note[1] !== null));
}

/** A revoked key has nothing else that could be changed. */
function exportedKey({ spki, label, status, expiresAtMs, networks }: PublicKey) {
  const key = { public_key: publicKeyPem(spki), label, status };
  return status === "revoked" ? key : { ...key, expires_at: isoTime(expiresAtMs), networks };
}

function exportedWebhook({ url, account, label, events, status }: Webhook) {
  return { url, account, label, events, status };
}

function exportedOperator({ email, role, account, status }: Pick<Operator, "email" | "role" | "account" | "status">) {
  return { email, role, account, status };
}

/** The name of an API user: its username after `api-<account id>-`. */
export function nameOf({ username, accountId }: Pick<ApiUser, "username" | "accountId">): string {
  return username.slice(`api-${accountId}-`.length);
}

/** PEM (RFC 7468 §13) with 64 characters in a line. */
function publicKeyPem(spki: Uint8Array): string {
  const lines =
    Buffer.from(spki)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PUBLIC KEY-----\n${lines.join("\n")}\n-----END PUBLIC KEY-----\n`;
}

/** Orders by a text, by UTF-16 code units. */
function by<Item>(textOf: (item: Item) => string): (a: Item, b: Item) => number {
  return (a, b) => compare(textOf(a), textOf(b));
}

function byWebhook(a: Webhook, b: Webhook): number {
  const order =
    compare(a.account ?? "", b.account ?? "") || compare(a.url, b.url) || compare(a.label ?? "", b.label ?? "");
  return order || a.id - b.id;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
