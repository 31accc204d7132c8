import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { formatDuration } from "../config/duration.ts";
import { changeAccount, createAccount } from "../core/accounts/changes.ts";
import type { Account } from "../core/accounts/model.ts";
import { type CliContext, paintStatus, print, WrongUsage } from "./context.ts";
import { accountJson } from "../core/json/registry.ts";
import { addStandingCommands } from "./standing-commands.ts";
import {
  commitAs,
  commitChange,
  creating,
  type NewStoreFlag,
  withAdministration,
  withNewStoreFlag,
  withStoreFlags,
} from "./store-flags.ts";
import { formatFields, formatTable } from "./table.ts";
import { parseDuration, relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

export function accountCommand(context: CliContext): Command {
  const account = new Command("account");

  withNewStoreFlag(withStoreFlags(account.command("create")))
    .argument("<shortname>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an account")
    .option("--name <name>", "display name (default: the shortname)")
    .option("--json", "print JSON")
    .action(async (shortname: string, options: Options & NewStoreFlag & { name?: string }) => {
      const created = await commitChange(
        context,
        options,
        (tx) => createAccount(tx, { shortname, name: options.name }),
        creating(options),
      );
      print(context, options.json, accountJson(created), () =>
        formatFields([
          ["account", created.shortname],
          ["id", String(created.id)],
          ["name", created.name],
        ]),
      );
    });

  withStoreFlags(account.command("edit"))
    .argument("<shortname>")
    .description("change an account; what isn't named stays")
    .option("--name <name>", "display name")
    .option("--key-age-max <duration>", "maximum age of its keys, such as 365d; none: the service's")
    .option("--json", "print JSON")
    .action(async (shortname: string, options: Options & { name?: string; keyAgeMax?: string }) => {
      const { name, keyAgeMax } = options;
      if (name === undefined && keyAgeMax === undefined) {
        throw new WrongUsage("Name what to change: --name or --key-age-max.");
      }
      const keyAgeMaxSeconds =
        keyAgeMax === undefined ? undefined : keyAgeMax === "none" ? null : parseDuration(keyAgeMax) / 1000;
      const changed = await commitChange(context, options, (tx) =>
        changeAccount(tx, shortname, { name, keyAgeMaxSeconds }),
      );
      print(context, options.json, accountJson(changed), () =>
        formatFields([
          ["account", changed.shortname],
          ["name", changed.name],
          ["maximum age of keys", formatKeyAge(changed)],
        ]),
      );
    });

  withStoreFlags(account.command("list"))
    .description("list accounts")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const accounts = await withAdministration(context, options, ({ store }) => store.accounts.list());
      print(context, options.json, accounts.map(accountJson), () => {
        if (accounts.length === 0) return "No accounts yet; create one with: countersign account create <shortname>";
        const rows = accounts.map((listed) => [
          String(listed.id),
          listed.shortname,
          listed.name,
          paintStatus(context, listed.status),
          formatKeyAge(listed),
          relativeTime(listed.createdAtMs, context.clock.wallMs()),
        ]);
        return formatTable(["id", "shortname", "name", "status", "key age max", "created"], rows);
      });
    });

  addStandingCommands(context, account, {
    argument: "shortname",
    effect: "refuse all API users of an account immediately",
    setStanding: (administration, name, status) =>
      commitAs(context, administration, (tx) => changeAccount(tx, name, { status })),
    json: accountJson,
    findScope: async ({ accounts }, shortname) => {
      const found = await accounts.find(shortname);
      return found?.status === "active" ? { accountId: found.id } : undefined;
    },
  });
  return account;
}

/** The maximum age of an account's keys; a dash for the service's. */
function formatKeyAge({ keyAgeMaxSeconds }: Account): string {
  return keyAgeMaxSeconds === null ? "-" : formatDuration(keyAgeMaxSeconds * 1000);
}
