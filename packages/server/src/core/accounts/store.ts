import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { Account, AccountId } from "./model.ts";

/** An account with its figures for lists. */
export interface ListedAccount extends Account {
  /** The number of its API users. */
  readonly users: number;
}

/** Oldest first, or by shortname. */
export type AccountOrder = "created" | "shortname";

/** Reads accounts outside of transactions. */
export interface AccountStore {
  list(): Promise<readonly Account[]>;
  find(shortname: string): Promise<Account | undefined>;
  /** One account with its figures. */
  findListed(shortname: string): Promise<ListedAccount | undefined>;
  /**
   * Oldest first, with the page key `[id]`; or by shortname, with `[shortname, id]`. `search` is a prefix of the shortname or the name,
   * whatever the case.
   */
  page(
    filter: {
      readonly accountId?: AccountId | undefined;
      readonly status?: Standing | undefined;
      /** Those that are archived, instead of the others. */
      readonly archived?: boolean | undefined;
      readonly search?: string | undefined;
    },
    page: PageRequest,
    order?: AccountOrder,
  ): Promise<Page<ListedAccount>>;
}

/** Reads and writes accounts in a transaction. */
export interface AccountTransaction {
  find(shortname: string): Promise<Account | undefined>;
  /** Without its notes, it has none. */
  insert(
    account: Pick<Account, "shortname" | "name" | "createdAtMs"> & Partial<Pick<Account, "description" | "contact">>,
  ): Promise<Account>;
  setStatus(accountId: AccountId, status: Standing): Promise<void>;
  /** Changes what may be changed of an account besides its status. */
  update(
    accountId: AccountId,
    values: Pick<Account, "name" | "keyAgeMaxSeconds" | "description" | "contact" | "archivedAtMs">,
  ): Promise<void>;
}
