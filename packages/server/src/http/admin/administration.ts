import type { Audiences } from "../../core/assertion/check-claims.ts";
import type { ShownSetting } from "../../config/shown-settings.ts";
import { mayKnow } from "../../core/operators/authorize.ts";
import type { ListedAccount, ListedUser } from "../../core/store/queries.ts";
import type { CheckToken } from "../../core/check.ts";
import type { Principal } from "../../core/operators/model.ts";
import { Refusal } from "../../core/refusal.ts";
import type { Account } from "../../core/accounts/model.ts";
import type { ApiUser } from "../../core/users/model.ts";
import type { KeyId, PublicKey } from "../../core/keys/model.ts";
import type { RegistryStore } from "../../core/store/store.ts";
import type { RegistryView } from "../../core/view/view.ts";
import type { Clock, Random } from "../../core/surroundings.ts";
import type { LatestSigningKeys } from "../../core/token/verify-token.ts";
import { fieldRefusal } from "./http/refusals.ts";

/** What the registry's handlers need. */
export interface Administration {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Awaited after each change and before it is acknowledged: it holds on this node then. */
  readonly onChanged: () => Promise<void>;
  readonly view: Pick<RegistryView, "findUser" | "findKey">;
  readonly checkToken: CheckToken;
  readonly signingKeys: LatestSigningKeys;
  /** Of the exchange. */
  readonly audiences: Audiences;
  /** The master secret from which new signing keys derive. */
  readonly newestMasterSecret: Buffer;
  /** Lets other work go first: one caller goes on in each turn of the event loop. */
  readonly yieldToEventLoop: () => Promise<void>;
  /** The effective configuration, secrets masked. */
  readonly settings: readonly ShownSetting[];
}

const DAY_SECONDS = 86_400;

/** When this day began (UTC), in seconds since the epoch. */
export function todaySeconds(clock: Clock): number {
  const seconds = Math.floor(clock.wallMs() / 1000);
  return seconds - (seconds % DAY_SECONDS);
}

/** What isn't there, and what somebody may not know of: the same answer. */
export function notFound(): Refusal {
  return new Refusal("not_found", "There is nothing of that name here.");
}

/** @throws {Refusal} `not_found` */
export async function loadAccount(
  store: Pick<RegistryStore, "findListedAccount">,
  principal: Principal,
  shortname: string,
): Promise<ListedAccount> {
  const account = await store.findListedAccount(shortname);
  if (account === undefined || !mayKnow(principal, account.id)) throw notFound();
  return account;
}

/** An account that a body's field names. @throws {Refusal} `field_invalid` */
export async function loadAccountOfField(
  store: Pick<RegistryStore, "findAccount">,
  principal: Principal,
  shortname: string,
): Promise<Account> {
  const account = await store.findAccount(shortname);
  if (account !== undefined && mayKnow(principal, account.id)) return account;
  throw fieldRefusal("field_invalid", "There is no account of that name.", "account");
}

/** @throws {Refusal} `not_found` */
export async function loadUser(
  { store, clock }: Pick<Administration, "store" | "clock">,
  principal: Principal,
  username: string,
): Promise<ListedUser> {
  const user = await store.findListedUser(username, todaySeconds(clock));
  if (user === undefined || !mayKnow(principal, user.accountId)) throw notFound();
  return user;
}

/** @throws {Refusal} `not_found` */
export async function loadKey(
  store: Pick<RegistryStore, "findKey" | "findUser">,
  principal: Principal,
  keyId: number,
): Promise<{ readonly key: PublicKey; readonly user: ApiUser }> {
  const key = await store.findKey(keyId as KeyId);
  const user = key && (await store.findUser(key.username));
  if (key === undefined || user === undefined || !mayKnow(principal, user.accountId)) throw notFound();
  return { key, user };
}

/** Reads a time that a schema has found to be RFC 3339; in milliseconds since the epoch. */
export function parseTime(text: string): number {
  return Date.parse(text);
}
