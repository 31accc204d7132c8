import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unknownAccount } from "../core/accounts/changes.ts";
import { unknownUser } from "../core/users/changes.ts";
import { type CliContext, paintStatus, print, WrongUsage } from "./context.ts";
import { formatNetworks, type NetworkOptions, networkTexts, withNetworkChange, withNetworks } from "./networks.ts";
import { type InputOf, listAll, type Operate, type UserJson } from "./operations.ts";
import { addStandingCommands } from "./standing-commands.ts";
import { formatFields, formatTable } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
import { relativeTime } from "./time.ts";
import { userExportCommand, userImportCommand } from "./user-bulk.ts";

type Options = Flags & { readonly json?: boolean };
type LimitOptions = Options & NetworkOptions & { readonly mayRotate?: boolean };

export function userCommand(context: CliContext): Command {
  const user = new Command("user");

  withNetworks(withTargetFlags(user.command("create")))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an API user; its username is api-<account id>-<name>")
    .requiredOption("--account <shortname>", "the account that owns it")
    .option("--read-only", "allow only GET, HEAD and OPTIONS")
    .option("--may-rotate", "let the API user send in its next key itself")
    .option("--json", "print JSON")
    .action(async (name: string, options: LimitOptions & { account: string; readOnly?: boolean }) => {
      const { account, mayRotate, readOnly } = options;
      const access = readOnly === true ? ("read_only" as const) : ("full" as const);
      const body = { name, account, access, may_rotate: mayRotate, networks: networkTexts(options) };
      noteTarget(context, options);
      const { data: created } = await withOperations(context, options, (operate) =>
        named(operate("createUser", { body }), unknownAccount(account), "account"),
      );
      print(context, options.json, shownUser(created), () => formatUser(created));
    });

  withNetworkChange(withTargetFlags(user.command("edit")))
    .argument("<username>")
    .description("change what an API user may do; what isn't named stays")
    .option("--may-rotate", "let the API user send in its next key itself")
    .option("--no-may-rotate", "let only operators add its keys")
    .option("--json", "print JSON")
    .action(async (username: string, options: LimitOptions) => {
      const { mayRotate } = options;
      const networks = networkTexts(options);
      if (networks === undefined && mayRotate === undefined) {
        throw new WrongUsage("Name what to change: --network, --may-rotate or their opposites.");
      }
      noteTarget(context, options);
      const changed = await withOperations(context, options, (operate) =>
        changeUser(operate, username, { may_rotate: mayRotate, networks }),
      );
      print(context, options.json, shownUser(changed), () => formatUser(changed));
    });

  withTargetFlags(user.command("list"))
    .description("list API users")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const users = await withOperations(context, options, (operate) => listAll(operate, "listUsers", { query: {} }));
      // The newest comes last, next to the prompt.
      users.reverse();
      print(context, options.json, users.map(shownUser), () => {
        if (users.length === 0)
          return "No API users yet; create one with: countersign user create <name> --account <shortname>";
        const rows = users.map(({ id, username, account, access, status, created_at, may_rotate, networks }) => [
          String(id),
          username,
          account,
          access,
          paintStatus(context, status),
          may_rotate ? "yes" : "no",
          formatNetworks(networks),
          relativeTime(Date.parse(created_at), context.clock.wallMs()),
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
    setStanding: (operate, name, status) => changeUser(operate, name, { status }),
    json: shownUser,
    findScope: async (operate, username) => {
      const { data: found } = await named(operate("getUser", { params: { username } }), unknownUser(username));
      return found.status === "active" ? { username } : undefined;
    },
  });
  return user;
}

async function changeUser(operate: Operate, username: string, body: InputOf<"changeUser">["body"]): Promise<UserJson> {
  return (await named(operate("changeUser", { params: { username }, body }), unknownUser(username))).data;
}

/** What commands show of an API user; the admin API adds figures. */
function shownUser({ id, username, account, access, status, created_at, may_rotate, networks }: UserJson): UserJson {
  return { id, username, account, access, status, created_at, may_rotate, networks };
}

function formatUser({ username, account, access, may_rotate: mayRotate, networks }: UserJson): string {
  return formatFields([
    ["username", username],
    ["account", account],
    ["access", access],
    ["may rotate", mayRotate ? "yes" : "no"],
    ["networks", networks.join(", ") || "any"],
  ]);
}
