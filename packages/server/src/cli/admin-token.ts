import { ADMIN_TOKEN_DAYS_DEFAULT, ADMIN_TOKEN_DAYS_MAX, type Role } from "@countersign/protocol";
import { Command } from "commander";
import { adminTokenJson, ownTokenName, shownAdminTokenStatus } from "../core/json/operators.ts";
import { createAdminToken, loadAdminToken, revokeAdminToken } from "../core/operators/admin-tokens.ts";
import type { Flags } from "../config/config.ts";
import { readAllPages } from "../core/store/read-all-pages.ts";
import { type CliContext, paintStatus, print } from "./context.ts";
import { confirm, withYes, type YesOption } from "./confirm.ts";
import { withGrantOptions } from "./operator.ts";
import { printable } from "../core/names.ts";
import { commitAs, commitChange, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";
import { parseDuration, relativeTime } from "./time.ts";

const DEFAULT_DURATION = `${ADMIN_TOKEN_DAYS_DEFAULT}d`;

type Options = Flags & { readonly json?: boolean };

interface CreateOptions {
  readonly role: Role;
  readonly account?: string;
  readonly expiresIn: string;
}

export function adminTokenCommand(context: CliContext): Command {
  const command = new Command("admin-token");

  withGrantOptions(withStoreFlags(command.command("create")))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an admin token and print it")
    .option(
      "--expires-in <duration>",
      `how long it is valid, such as 30d; at most ${ADMIN_TOKEN_DAYS_MAX}d, or never`,
      DEFAULT_DURATION,
    )
    .option("--json", "print JSON")
    .action(async (name: string, options: Options & CreateOptions) => {
      const { role, account = null, expiresIn } = options;
      const expiry = expiresIn === "never" ? expiresIn : context.clock.wallMs() + parseDuration(expiresIn);
      const { token, secret } = await commitChange(
        context,
        options,
        (tx) => createAdminToken(tx, { name, role, account, expiry }, context.random),
        { mayCreate: true },
      );
      print(context, options.json, { token: secret, ...adminTokenJson(token, context.clock.wallMs()) }, () => secret);
      context.stderr.write("The token is shown only once; the store keeps a hash of it.\n");
    });

  withStoreFlags(command.command("list"))
    .description("list admin tokens, newest first")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const tokens = await withAdministration(context, options, ({ store }) =>
        readAllPages((page) => store.adminTokens.page({}, page)),
      );
      const now = context.clock.wallMs();
      const shown = tokens.map((token) => adminTokenJson(token, now));
      print(context, options.json, shown, () => {
        if (tokens.length === 0) return "No admin tokens yet; create one with: countersign admin-token create <name>";
        const rows = tokens.map((token) => [
          ownTokenName(token),
          token.role,
          token.account ?? "-",
          paintStatus(context, shownAdminTokenStatus(token, now)),
          relativeTime(token.createdAtMs, now),
          token.expiresAtMs === null ? "never" : relativeTime(token.expiresAtMs, now),
          token.lastUsedAtMs === null ? "never" : relativeTime(token.lastUsedAtMs, now),
        ]);
        return formatTable(["name", "role", "account", "status", "created", "expires", "last used"], rows);
      });
    });

  withYes(withStoreFlags(command.command("revoke")))
    .argument("<name>", "<account>/<name> if several accounts have a token of that name")
    .description("revoke an admin token immediately and permanently")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options & YesOption) => {
      const revoked = await withAdministration(context, options, async (administration) => {
        const token = await commitAs(context, administration, (tx) => loadAdminToken(tx, { name }));
        // Revoking it once more changes nothing.
        if (token.revokedAtMs === null) await confirm(context, options, describeRevocation(name));
        return commitAs(context, administration, (tx) => revokeAdminToken(tx, token.id));
      });
      const json = adminTokenJson(revoked, context.clock.wallMs());
      print(context, options.json, json, () => `${name} is ${paintStatus(context, json.status)}.`);
    });
  return command;
}

function describeRevocation(name: string): string {
  return `The admin token ${printable(name)} and those that it created are revoked, and programs that use them are refused.`;
}
