import { ADMIN_TOKEN_DAYS_DEFAULT, ADMIN_TOKEN_DAYS_MAX, type Role } from "@countersign/protocol";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { printable } from "../core/names.ts";
import { severalAdminTokens, unknownAdminToken } from "../core/operators/admin-tokens.ts";
import { type CliContext, paintStatus, print } from "./context.ts";
import { confirm, withYes, type YesOption } from "./confirm.ts";
import { secretOf } from "./made-secret.ts";
import { type AdminTokenJson, listAll, type Operate } from "./operations.ts";
import { withGrantOptions } from "./operator.ts";
import { formatTable } from "./table.ts";
import { noteTarget, withOperations, withTargetFlags } from "./target.ts";
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

  withGrantOptions(withTargetFlags(command.command("create")))
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
      noteTarget(context, options);
      const body = { name, role, account, expires_at: expiryOf(context, expiresIn) };
      const made = await withOperations(context, options, (operate) => operate("createAdminToken", { body }), {
        mayCreate: true,
      });
      const { token: _, ...shown } = made.data;
      const token = secretOf(made, made.data.token);
      print(context, options.json, { token, ...shown }, () => token);
      context.stderr.write("The token is shown only once; the store keeps a hash of it.\n");
    });

  withTargetFlags(command.command("list"))
    .description("list admin tokens, newest first")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const tokens = await withOperations(context, options, (operate) =>
        listAll(operate, "listAdminTokens", { query: {} }),
      );
      print(context, options.json, tokens, () => {
        if (tokens.length === 0) return "No admin tokens yet; create one with: countersign admin-token create <name>";
        const now = context.clock.wallMs();
        const ago = (time: string | null) => (time === null ? "never" : relativeTime(Date.parse(time), now));
        const rows = tokens.map((token) => [
          token.name,
          token.role,
          token.account ?? "-",
          paintStatus(context, token.status),
          ago(token.created_at),
          ago(token.expires_at),
          ago(token.last_used_at),
        ]);
        return formatTable(["name", "role", "account", "status", "created", "expires", "last used"], rows);
      });
    });

  withYes(withTargetFlags(command.command("revoke")))
    .argument("<name>", "<account>/<name> if several accounts have a token of that name")
    .description("revoke an admin token immediately and permanently")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options & YesOption) => {
      noteTarget(context, options);
      const revoked = await withOperations(context, options, async (operate) => {
        const token = await findAdminToken(operate, name);
        // Revoking it once more changes nothing.
        if (token.status !== "revoked") await confirm(context, options, describeRevocation(name));
        return (await operate("revokeAdminToken", { params: { id: token.id } })).data;
      });
      print(context, options.json, revoked, () => `${name} is ${paintStatus(context, revoked.status)}.`);
    });
  return command;
}

/** `undefined` for the default, which for a token that a token makes is never later than its own end. */
function expiryOf({ clock }: CliContext, duration: string): string | undefined {
  if (duration === DEFAULT_DURATION) return undefined;
  return duration === "never" ? duration : new Date(clock.wallMs() + parseDuration(duration)).toISOString();
}

/** Finds a token by `<account>/<name>`, or by its name if only one token has it. @throws {Refusal} `not_found`, `conflict` */
async function findAdminToken(operate: Operate, name: string): Promise<AdminTokenJson> {
  const tokens = await listAll(operate, "listAdminTokens", { query: {} });
  const fullName = (token: AdminTokenJson) => (token.account === null ? token.name : `${token.account}/${token.name}`);
  const found = tokens.find((token) => fullName(token) === name);
  if (found !== undefined) return found;
  const named = tokens.filter((token) => token.name === name).toSorted((a, b) => a.id - b.id);
  if (named.length > 1) throw severalAdminTokens(name, named.map(fullName));
  if (named[0] === undefined) throw unknownAdminToken(name);
  return named[0];
}

function describeRevocation(name: string): string {
  return `The admin token ${printable(name)} and those that it created are revoked, and programs that use them are refused.`;
}
