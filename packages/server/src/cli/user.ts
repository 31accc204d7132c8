import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { nowMs } from "../core/surroundings.ts";
import { type CliContext, paintStatus, print } from "./context.ts";
import { userJson } from "./present.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields, formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

export function userCommand(context: CliContext): Command {
  const user = new Command("user").description("API users: the clients that sign assertions");

  withStoreFlags(user.command("create"))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an API user; its username is api-<account id>-<name>")
    .requiredOption("--account <shortname>", "the account that owns it")
    .option("--read-only", "may only read: GET, HEAD and OPTIONS")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options & { account: string; readOnly?: boolean }) => {
      const created = await withAdministration(context, options, ({ changes }) =>
        changes.createUser(context.actor, {
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
      const users = await withAdministration(context, options, ({ store }) => store.listUsers());
      print(context, options.json, users.map(userJson), () => {
        if (users.length === 0)
          return "No API users yet: countersign user create <name> --account <shortname> makes one.";
        const rows = users.map(({ id, username, account, access, status, createdAtMs }) => [
          String(id),
          username,
          account,
          access,
          paintStatus(context, status),
          relativeTime(createdAtMs, nowMs(context.clock)),
        ]);
        return formatTable(["id", "username", "account", "access", "status", "created"], rows);
      });
    });

  for (const [verb, standing] of [
    ["deactivate", "deactivated"],
    ["activate", "active"],
  ] as const) {
    withStoreFlags(user.command(verb))
      .argument("<username>")
      .description(verb === "deactivate" ? "refuse the user's assertions and tokens, at once" : "undo deactivate")
      .option("--json", "print JSON")
      .action(async (username: string, options: Options) => {
        const changed = await withAdministration(context, options, ({ changes }) =>
          changes.setUserStanding(context.actor, username, standing),
        );
        print(
          context,
          options.json,
          userJson(changed),
          () => `${changed.username} is ${paintStatus(context, changed.status)}.`,
        );
      });
  }
  return user;
}
