/** Accounts: their model and changes. */
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

export type AccountId = Branded<"AccountId">;

/** A customer, partner or team that owns API users. All times are milliseconds since the epoch. */
export interface Account {
  readonly id: AccountId;
  /** Unique; lower-case letters, digits, `.`, `_` and `-`. */
  readonly shortname: string;
  readonly name: string;
  readonly status: Standing;
  readonly createdAtMs: number;
  /** The maximum age of its keys. `null`: the service's. */
  readonly keyAgeMaxSeconds: number | null;
  /** What it is; `null` for nothing. */
  readonly description: string | null;
  /** Whom to ask about it: an e-mail address, a channel, a team. */
  readonly contact: string | null;
  /** When it was archived: out of the lists, and deactivated. */
  readonly archivedAtMs: number | null;
}
