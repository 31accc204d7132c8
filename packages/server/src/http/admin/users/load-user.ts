import { canSee } from "../../../core/operators/authorize.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { ListedUser } from "../../../core/users/store.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { notFound } from "../http/refusals.ts";

const DAY_SECONDS = 86_400;

/** The start of the current day (UTC), in seconds since the epoch. */
export function todaySeconds(clock: Clock): number {
  const seconds = Math.floor(clock.wallMs() / 1000);
  return seconds - (seconds % DAY_SECONDS);
}

/** Loads an API user with today's figures. @throws {Refusal} `not_found`, also if the caller can't see the user */
export async function loadUser(
  { store, clock }: { readonly store: Pick<Store, "users">; readonly clock: Clock },
  principal: Principal,
  username: string,
): Promise<ListedUser> {
  const user = await store.users.findListed(username, todaySeconds(clock));
  if (user === undefined || !canSee(principal, user.accountId)) throw notFound();
  return user;
}
