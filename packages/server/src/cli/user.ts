import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { changeUser, createUser } from "../core/users/changes.ts";
import { type CliContext, paintStatus, print } from "./context.ts";
import { userJson } from "../core/json/registry.ts";
import { addStandingCommands } from "./standing-commands.ts";
import { commitAs, commitChange, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields, formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

export function userCommand(context: CliContext): Command {
  const user = new Command("user").description("API users: the clients that sign assertions");

  withStoreFlags(user.command("create"))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an API user; its username is api-<account id>-<name>")
    .requiredOption("--account <shortname>", "the account that owns it")
    .option("--read-only", "allow only GET, HEAD and OPTIONS")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options & { account: string; readOnly?: boolean }) => {
      const created = await commitChange(context, options, (tx) =>
        createUser(tx, {
          name,
          account: options.account,
          access: options.readOnly === true ? "read_only" : "full",
        }),
      );
      print(context, options.json, userJson(created), () =>
        formatFields([
          ["username", created.username],
          ["account", created.account],
          ["access", created.access],
        ]),
      );
    });

  withStoreFlags(user.command("list"))
    .description("list API users")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const users = await withAdministration(context, options, ({ store }) => store.users.list());
      print(context, options.json, users.map(userJson), () => {
        if (users.length === 0)
          return "No API users yet; create one with: countersign user create <name> --account <shortname>";
        const rows = users.map(({ id, username, account, access, status, createdAtMs }) => [
          String(id),
          username,
          account,
          access,
          paintStatus(context, status),
          relativeTime(createdAtMs, context.clock.wallMs()),
        ]);
        return formatTable(["id", "username", "account", "access", "status", "created"], rows);
      });
    });

  addStandingCommands(context, user, {
    argument: "username",
    effect: "refuse the API user's assertions and tokens immediately",
    setStanding: (administration, name, status) =>
      commitAs(context, administration, (tx) => changeUser(tx, name, { status })),
    json: userJson,
  });
  return user;
}
