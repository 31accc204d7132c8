import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { formatDuration } from "../config/duration.ts";
import { unknownAccount } from "../core/accounts/changes.ts";
import { type CliContext, paintStatus, print, WrongUsage } from "./context.ts";
import { type AccountJson, type InputOf, listAll, type Operate } from "./operations.ts";
import { noteOf, shownNotes } from "./notes.ts";
import { addArchiveCommands, addStandingCommands } from "./standing-commands.ts";
import { creating, type NewStoreFlag, withNewStoreFlag } from "./store-flags.ts";
import { formatFields, formatTable } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
import { parseDuration, relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

interface EditOptions extends Options {
  readonly name?: string;
  readonly description?: string;
  readonly contact?: string;
  readonly keyAgeMax?: string;
}

export function accountCommand(context: CliContext): Command {
  const account = new Command("account");

  withNewStoreFlag(withTargetFlags(account.command("create")))
    .argument("<shortname>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an account")
    .option("--name <name>", "display name (default: the shortname)")
    .option("--description <text>", "what it is")
    .option("--contact <text>", "whom to ask about it")
    .option("--json", "print JSON")
    .action(async (shortname: string, options: NewStoreFlag & Omit<EditOptions, "keyAgeMax">) => {
      const { name, description, contact } = options;
      noteTarget(context, options);
      const body = { shortname, name, description, contact };
      const { data: created } = await withOperations(
        context,
        options,
        (operate) => operate("createAccount", { body }),
        creating(options),
      );
      print(context, options.json, shownAccount(created), () =>
        formatFields([
          ["account", created.shortname],
          ["id", String(created.id)],
          ["name", created.name],
          ...shownNotes(created),
        ]),
      );
    });

  withTargetFlags(account.command("edit"))
    .argument("<shortname>")
    .description("change an account; what isn't named stays")
    .option("--name <name>", "display name")
    .option("--description <text>", 'what it is; "" removes it')
    .option("--contact <text>", 'whom to ask about it; "" removes it')
    .option("--key-age-max <duration>", "maximum age of its keys, such as 365d; none: the service's")
    .option("--json", "print JSON")
    .action(async (shortname: string, options: EditOptions) => {
      const { name, keyAgeMax, description, contact } = options;
      if ([name, keyAgeMax, description, contact].every((given) => given === undefined)) {
        throw new WrongUsage("Name what to change: --name, --description, --contact or --key-age-max.");
      }
      const keyAgeMaxSeconds =
        keyAgeMax === undefined ? undefined : keyAgeMax === "none" ? null : parseDuration(keyAgeMax) / 1000;
      noteTarget(context, options);
      const changed = await withOperations(context, options, (operate) =>
        changeAccount(operate, shortname, {
          name,
          key_age_max_seconds: keyAgeMaxSeconds,
          description: noteOf(description),
          contact: noteOf(contact),
        }),
      );
      print(context, options.json, shownAccount(changed), () =>
        formatFields([
          ["account", changed.shortname],
          ["name", changed.name],
          ["maximum age of keys", formatKeyAge(changed)],
          ...shownNotes(changed),
        ]),
      );
    });

  withTargetFlags(account.command("list"))
    .description("list accounts that aren't archived")
    .option("--archived", "those that are, instead")
    .option("--json", "print JSON")
    .action(async (options: Options & { readonly archived?: boolean }) => {
      const { archived } = options;
      const accounts = await withOperations(context, options, (operate) =>
        listAll(operate, "listAccounts", { query: { archived } }),
      );
      print(context, options.json, accounts.map(shownAccount), () => {
        if (accounts.length === 0 && archived === true) return "No account is archived.";
        if (accounts.length === 0) return "No accounts yet; create one with: countersign account create <shortname>";
        const rows = accounts.map((listed) => [
          String(listed.id),
          listed.shortname,
          listed.name,
          paintStatus(context, listed.status),
          formatKeyAge(listed),
          relativeTime(Date.parse(listed.created_at), context.clock.wallMs()),
        ]);
        return formatTable(["id", "shortname", "name", "status", "key age max", "created"], rows);
      });
    });

  addStandingCommands(context, account, {
    argument: "shortname",
    effect: "refuse all API users of an account immediately",
    setStanding: (operate, name, status) => changeAccount(operate, name, { status }),
    json: shownAccount,
    findScope,
  });
  addArchiveCommands(context, account, {
    argument: "shortname",
    thing: "account",
    setArchived: (operate, name, archived) => changeAccount(operate, name, { archived }),
    json: shownAccount,
    findScope,
  });
  return account;
}

async function changeAccount(
  operate: Operate,
  shortname: string,
  body: InputOf<"changeAccount">["body"],
): Promise<AccountJson> {
  const change = operate("changeAccount", { params: { shortname }, body });
  return (await named(change, unknownAccount(shortname))).data;
}

async function findScope(operate: Operate, shortname: string): Promise<InputOf<"getImpact">["query"] | undefined> {
  const { data: found } = await named(operate("getAccount", { params: { shortname } }), unknownAccount(shortname));
  return found.status === "active" ? { account: shortname } : undefined;
}

/** What commands show of an account; the admin API adds figures. */
function shownAccount(account: AccountJson): AccountJson {
  const { id, shortname, name, status, created_at, key_age_max_seconds, description, contact, archived_at } = account;
  return { id, shortname, name, status, created_at, key_age_max_seconds, description, contact, archived_at };
}

/** The maximum age of an account's keys; a dash for the service's. */
function formatKeyAge({ key_age_max_seconds: seconds }: AccountJson): string {
  return seconds === null ? "-" : formatDuration(seconds * 1000);
}
