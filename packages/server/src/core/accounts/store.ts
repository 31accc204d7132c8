import type { Standing } from "../standing.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { Account, AccountId } from "./model.ts";

/** An account, as a list shows it. */
export interface ListedAccount extends Account {
  /** How many API users it has. */
  readonly users: number;
}

/** Accounts, as the store reads them outside of changes. */
export interface AccountStore {
  list(): Promise<readonly Account[]>;
  find(shortname: string): Promise<Account | undefined>;
  /** One account as the list shows it. */
  findListed(shortname: string): Promise<ListedAccount | undefined>;
  /** Key `[id]`; the oldest first. `search` begins the shortname or the name, whatever the case. */
  page(
    filter: {
      readonly accountId?: AccountId | undefined;
      readonly status?: Standing | undefined;
      readonly search?: string | undefined;
    },
    page: PageRequest,
  ): Promise<Page<ListedAccount>>;
}

/** Accounts within a change. */
export interface AccountTransaction {
  find(shortname: string): Promise<Account | undefined>;
  insert(account: Omit<Account, "id" | "status">): Promise<Account>;
  setStatus(accountId: AccountId, status: Standing): Promise<void>;
}
