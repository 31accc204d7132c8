import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { changeUser, createUser } from "../core/users/changes.ts";
import type { ApiUser } from "../core/users/model.ts";
import { type CliContext, paintStatus, print, WrongUsage } from "./context.ts";
import { userJson } from "../core/json/registry.ts";
import { formatNetworks, type NetworkOptions, readNetworks, withNetworkChange, withNetworks } from "./networks.ts";
import { addStandingCommands } from "./standing-commands.ts";
import { commitAs, commitChange, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields, formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";
import { userExportCommand, userImportCommand } from "./user-bulk.ts";

type Options = Flags & { readonly json?: boolean };
type LimitOptions = Options & NetworkOptions & { readonly mayRotate?: boolean };

export function userCommand(context: CliContext): Command {
  const user = new Command("user");

  withNetworks(withStoreFlags(user.command("create")))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an API user; its username is api-<account id>-<name>")
    .requiredOption("--account <shortname>", "the account that owns it")
    .option("--read-only", "allow only GET, HEAD and OPTIONS")
    .option("--may-rotate", "let the API user send in its next key itself")
    .option("--json", "print JSON")
    .action(async (name: string, options: LimitOptions & { account: string; readOnly?: boolean }) => {
      const networks = readNetworks(context, options);
      const created = await commitChange(context, options, (tx) =>
        createUser(tx, {
          name,
          account: options.account,
          access: options.readOnly === true ? "read_only" : "full",
          mayRotate: options.mayRotate,
          networks,
        }),
      );
      print(context, options.json, userJson(created), () => formatUser(created));
    });

  withNetworkChange(withStoreFlags(user.command("edit")))
    .argument("<username>")
    .description("change what an API user may do; what isn't named stays")
    .option("--may-rotate", "let the API user send in its next key itself")
    .option("--no-may-rotate", "let only operators add its keys")
    .option("--json", "print JSON")
    .action(async (username: string, options: LimitOptions) => {
      const { mayRotate } = options;
      const changed = await withAdministration(context, options, async (administration) => {
        const networks = readNetworks(context, options, (await administration.store.users.find(username))?.networks);
        if (networks === undefined && mayRotate === undefined) {
          throw new WrongUsage("Name what to change: --network, --may-rotate or their opposites.");
        }
        return commitAs(context, administration, (tx) => changeUser(tx, username, { mayRotate, networks }));
      });
      print(context, options.json, userJson(changed), () => formatUser(changed));
    });

  withStoreFlags(user.command("list"))
    .description("list API users")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const users = await withAdministration(context, options, ({ store }) => store.users.list());
      print(context, options.json, users.map(userJson), () => {
        if (users.length === 0)
          return "No API users yet; create one with: countersign user create <name> --account <shortname>";
        const rows = users.map(({ id, username, account, access, status, createdAtMs, mayRotate, networks }) => [
          String(id),
          username,
          account,
          access,
          paintStatus(context, status),
          mayRotate ? "yes" : "no",
          formatNetworks(networks),
          relativeTime(createdAtMs, context.clock.wallMs()),
        ]);
        return formatTable(
          ["id", "username", "account", "access", "status", "may rotate", "networks", "created"],
          rows,
        );
      });
    });

  user.addCommand(userImportCommand(context));
  user.addCommand(userExportCommand(context));
  addStandingCommands(context, user, {
    argument: "username",
    effect: "refuse the API user's assertions and tokens immediately",
    setStanding: (administration, name, status) =>
      commitAs(context, administration, (tx) => changeUser(tx, name, { status })),
    json: userJson,
    findScope: async ({ users }, username) => {
      const found = await users.find(username);
      return found?.status === "active" ? { userId: found.id } : undefined;
    },
  });
  return user;
}

function formatUser({ username, account, access, mayRotate, networks }: ApiUser): string {
  return formatFields([
    ["username", username],
    ["account", account],
    ["access", access],
    ["may rotate", mayRotate ? "yes" : "no"],
    ["networks", networks.join(", ") || "any"],
  ]);
}
