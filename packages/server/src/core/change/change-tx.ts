/**
 * Changes. Each is a plain function of one transaction, such as `changeKey(tx, id, patch)`, which stands with its aggregate;
 * `commit` runs it. The command line, the admin API and background work commit the same functions. What a change does to an
 * aggregate doesn't belong here.
 */
import type { Event } from "../feed/event.ts";
import type { AdminToken, Grant, Operator } from "../operators/model.ts";
import type { StoreTransaction } from "../store/store.ts";

/** Who makes a change, and what they may see and do. */
export type Author = Grant & {
  /** As the audit log names the author: `operator:<email>`, `admin-token:<name>`, `cli:<user>`, `system`. */
  readonly actor: string;
  /** For a program: its own token. */
  readonly token?: Pick<AdminToken, "id" | "expiresAtMs"> | undefined;
  readonly operator?: Pick<Operator, "id"> | undefined;
};

/** An author who may do everything: the service itself, or a command on the machine that can open the store. */
export function unrestrictedAuthor(actor: string): Author {
  return { actor, role: "owner", accountId: null, account: null };
}

/** The service itself. */
export const SYSTEM = unrestrictedAuthor("system");

/** A change's transaction: the aggregates as they are now, and the audit log. */
export interface ChangeTx extends StoreTransaction {
  readonly author: Author;
  /** When the change is made, in milliseconds since the epoch. One value for all that it writes. */
  readonly nowMs: number;
  /** Appends the change's event. @param actor who did it; the author, unless given */
  append(event: Event, actor?: string): Promise<void>;
}
