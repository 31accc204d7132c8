/** Accounts: what one is, and how it changes. */
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

export type AccountId = Branded<"AccountId">;

/** A customer, partner or team; owns API users. Times are milliseconds since the epoch throughout. */
export interface Account {
  readonly id: AccountId;
  /** Unique; lower-case letters, digits, `.`, `_` and `-`. */
  readonly shortname: string;
  readonly name: string;
  readonly status: Standing;
  readonly createdAtMs: number;
}
