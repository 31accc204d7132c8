import { ROLES, type Role } from "@countersign/protocol";
import { Command, Option } from "commander";
import { isoTime } from "../core/json/registry.ts";
import { invitationJson, operatorJson } from "../core/json/operators.ts";
import type { Flags } from "../config/config.ts";
import type { Operator } from "../core/operators/model.ts";
import { changeOperator } from "../core/operators/changes.ts";
import { inviteOperator, resetOperator, type WithLinkSecret } from "../core/operators/invitations.ts";
import { Refusal } from "../core/refusal.ts";
import { printable } from "../core/names.ts";
import { readAllPages } from "../core/store/read-all-pages.ts";
import { type CliAdministration, type CliContext, paintStatus, print } from "./context.ts";
import { addStandingCommands } from "./standing-commands.ts";
import { commitAs, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };
type GrantOptions = { readonly role: Role; readonly account?: string };
type LinkOptions = Options & { readonly url?: string };

export function operatorCommand(context: CliContext): Command {
  const command = new Command("operator");

  const printLink = ({ invitation }: WithLinkSecret, link: string, json: boolean | undefined) => {
    print(context, json, { ...invitationJson(invitation), link }, () => link);
    context.stderr.write(`The link works once, until ${isoTime(invitation.expiresAtMs)}.\n`);
  };

  withGrantOptions(withLinkOptions(command.command("invite")))
    .argument("<email>")
    .description("print a one-time link that makes a person an operator")
    .action(async (email: string, { url, ...options }: LinkOptions & GrantOptions) => {
      const { role, account = null } = options;
      await withAdministration(
        context,
        linkFlags(options, url),
        async (administration) => {
          const wanted = { email, role, account };
          const made = await commitAs(context, administration, (tx) => inviteOperator(tx, wanted, context.random));
          printLink(made, administration.linkUrl(made.secret), options.json);
        },
        { mayCreate: true },
      );
    });

  withStoreFlags(command.command("list"))
    .description("list operators")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const operators = await withAdministration(context, options, ({ store }) =>
        readAllPages((page) => store.operators.page({}, page)),
      );
      print(context, options.json, operators.map(operatorJson), () => {
        if (operators.length === 0)
          return "No operators yet; invite one with: countersign operator invite <email> --role owner";
        const now = context.clock.wallMs();
        const rows = operators.map(({ email, role, account, status, federated, lastSignedInAtMs }) => [
          email,
          role,
          account ?? "-",
          paintStatus(context, status),
          federated === null ? "no" : "yes",
          lastSignedInAtMs === null ? "never" : relativeTime(lastSignedInAtMs, now),
        ]);
        return formatTable(["email", "role", "account", "status", "single sign-on", "signed in"], rows);
      });
    });

  withLinkOptions(command.command("reset"))
    .argument("<email>")
    .description(
      "print a one-time link for an operator to sign in again; using it replaces their password, passkeys and sessions",
    )
    .action(async (email: string, { url, ...options }: LinkOptions) => {
      await withAdministration(context, linkFlags(options, url), async (administration) => {
        const operator = await loadOperator(administration, email);
        const made = await commitAs(context, administration, (tx) => resetOperator(tx, operator.id, context.random));
        printLink(made, administration.linkUrl(made.secret), options.json);
      });
    });

  addStandingCommands(context, command, {
    argument: "email",
    effect: "end an operator's sessions immediately and refuse further sign-ins",
    setStanding: async (administration, email, status) => {
      const operator = await loadOperator(administration, email);
      return commitAs(context, administration, (tx) => changeOperator(tx, operator.id, { status }));
    },
    json: operatorJson,
  });
  return command;
}

/** Adds the options for a role and its account. */
export function withGrantOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--role <role>", "viewer: read; admin: also change; owner: everything")
        .choices(ROLES)
        .makeOptionMandatory(),
    )
    .option("--account <shortname>", "limit to one account");
}

function withLinkOptions(command: Command): Command {
  return withStoreFlags(command)
    .option("--url <url>", "URL of the console (COUNTERSIGN_ADMIN_URL; default http://localhost:8081)")
    .option("--json", "print JSON");
}

function linkFlags(options: Options, url: string | undefined): Flags {
  return url === undefined ? options : { ...options, adminUrl: url };
}

async function loadOperator({ store }: CliAdministration, email: string): Promise<Operator> {
  const operator = await store.operators.findByEmail(email.trim());
  if (operator === undefined)
    throw new Refusal("not_found", `There is no operator ${printable(email)}.`, {
      unknownName: { kind: "operator", name: email },
    });
  return operator;
}
