/**
 * Changes. Each is a plain function of one transaction, such as `changeKey(tx, id, patch)`, in its aggregate's folder; `commit` runs
 * it. The command line, the admin API and background work commit the same functions. Code for one aggregate doesn't belong here.
 */
import type { Event } from "../feed/event.ts";
import type { AdminToken, Grant, Operator } from "../operators/model.ts";
import type { StoreTransaction } from "../store/store.ts";

/** The author of a change, with the author's permissions. */
export type Author = Grant & {
  /** The author's name in the audit log: `operator:<email>`, `admin-token:<name>`, `cli:<user>` or `system`. */
  readonly actor: string;
  /** The token of a program. */
  readonly token?: Pick<AdminToken, "id" | "expiresAtMs" | "operatorId"> | undefined;
  readonly operator?: Pick<Operator, "id"> | undefined;
};

/** An unrestricted author: the service itself, or a command that can open the store. */
export function unrestrictedAuthor(actor: string): Author {
  return { actor, role: "owner", accountId: null, account: null };
}

/** The service itself. */
export const SYSTEM = unrestrictedAuthor("system");

/** Rules of this service's configuration that changes must follow. */
export interface Policy {
  /** The maximum age of keys in every account, in milliseconds; `null`: none. */
  readonly keyAgeMaxMs: number | null;
  /** Does a key that the audit found weak stay deactivated? */
  readonly weakKeysStayOff: boolean;
}

/** For a service without such rules, and for changes that none concerns. */
export const NO_POLICY: Policy = { keyAgeMaxMs: null, weakKeysStayOff: false };

/** A change's transaction: the aggregates as they are now, and the audit log. */
export interface ChangeTx extends StoreTransaction {
  readonly author: Author;
  readonly policy: Policy;
  /** The time of the change, in milliseconds since the epoch, the same for everything that it writes. */
  readonly nowMs: number;
  /** Appends the change's event. @param actor the author by default */
  append(event: Event, actor?: string): Promise<void>;
}
