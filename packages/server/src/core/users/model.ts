/** API users: what one is, and how it changes. */
import type { Access } from "@countersign/protocol";
import type { AccountId } from "../accounts/model.ts";
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

export type ApiUserId = Branded<"ApiUserId">;

/** A client of the API: signs assertions and holds tokens. */
export interface ApiUser {
  readonly id: ApiUserId;
  readonly accountId: AccountId;
  /** The account's shortname. */
  readonly account: string;
  /** `api-<account id>-<name>`: what an assertion's `username` says. */
  readonly username: string;
  readonly access: Access;
  readonly status: Standing;
  readonly createdAtMs: number;
}
