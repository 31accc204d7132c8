/** API users: their model and changes. */
import type { Access } from "@countersign/protocol";
import type { AccountId } from "../accounts/model.ts";
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

export type ApiUserId = Branded<"ApiUserId">;

/** A client of the API, which signs assertions and holds tokens. */
export interface ApiUser {
  readonly id: ApiUserId;
  readonly accountId: AccountId;
  /** The account's shortname. */
  readonly account: string;
  /** `api-<account id>-<name>`, the claim `username` of an assertion. */
  readonly username: string;
  readonly access: Access;
  readonly status: Standing;
  readonly createdAtMs: number;
  /** May it send in its next key itself? */
  readonly mayRotate: boolean;
  /** CIDRs from which its keys can be used; from anywhere if there are none. */
  readonly networks: readonly string[];
  /** Its name for people (RFC 7643, section 4.1.1); `null` for none. */
  readonly displayName: string | null;
  /** What it is for. */
  readonly description: string | null;
  /** Whom to ask about it: an e-mail address, a channel, a team. */
  readonly contact: string | null;
  /** When it was archived: out of the lists, and deactivated. */
  readonly archivedAtMs: number | null;
}

/** What people note about an API user. None of it has an effect. */
export type UserNotes = Pick<ApiUser, "displayName" | "description" | "contact">;
