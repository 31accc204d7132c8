import { adminEverywhere, viewer, type AdminRoutes } from "../http/route.ts";
import { Account, AccountPatch, AccountsQuery, NewAccount, ShortnameParam } from "./schemas.ts";

export const accountRoutes = {
  listAccounts: {
    method: "GET",
    path: "/accounts",
    tag: "accounts",
    access: viewer,
    summary: "List accounts, oldest first; q matches any part of the shortname or name",
    query: AccountsQuery,
    answers: "list",
    data: Account,
  },
  createAccount: {
    method: "POST",
    path: "/accounts",
    tag: "accounts",
    access: adminEverywhere,
    summary: "Create an account",
    body: NewAccount,
    answers: "created",
    data: Account,
    refusals: ["conflict"],
  },
  getAccount: {
    method: "GET",
    path: "/accounts/:shortname",
    tag: "accounts",
    access: viewer,
    summary: "Get an account",
    params: ShortnameParam,
    answers: "item",
    data: Account,
    tagged: true,
  },
  changeAccount: {
    method: "PATCH",
    path: "/accounts/:shortname",
    tag: "accounts",
    access: adminEverywhere,
    summary:
      "Deactivate an account, which ends all its users' tokens at once, reactivate it, rename, describe or archive it, or limit its keys' age",
    params: ShortnameParam,
    body: AccountPatch,
    answers: "item",
    data: Account,
    tagged: true,
    refusals: ["conflict"],
  },
} as const satisfies AdminRoutes;
