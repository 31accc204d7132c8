import { ROLES, type Role } from "@countersign/protocol";
import { Command, Option } from "commander";
import { isoTime } from "../core/json/registry.ts";
import { invitationJson } from "../core/json/operators.ts";
import type { Flags } from "../config/config.ts";
import type { Operator } from "../core/operators/model.ts";
import { inviteOperator, resetOperator, type WithLinkSecret } from "../core/operators/invitations.ts";
import { Refusal } from "../core/refusal.ts";
import { printable } from "../core/names.ts";
import { type CliAdministration, type CliContext, paintStatus, print } from "./context.ts";
import { listAll, type Operate, type OperatorJson } from "./operations.ts";
import { addStandingCommands } from "./standing-commands.ts";
import { commitAs, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";
import { named, withOperations, withTargetFlags } from "./target.ts";
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

  withTargetFlags(command.command("list"))
    .description("list operators")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const operators = await withOperations(context, options, (operate) =>
        listAll(operate, "listOperators", { query: {} }),
      );
      print(context, options.json, operators, () => {
        if (operators.length === 0)
          return "No operators yet; invite one with: countersign operator invite <email> --role owner";
        const now = context.clock.wallMs();
        const rows = operators.map(({ email, role, account, status, single_sign_on, last_signed_in_at }) => [
          email,
          role,
          account ?? "-",
          paintStatus(context, status),
          single_sign_on ? "yes" : "no",
          last_signed_in_at === null ? "never" : relativeTime(Date.parse(last_signed_in_at), now),
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
    setStanding: async (operate, email, status) => {
      const { id } = await findOperator(operate, email);
      const change = operate("changeOperator", { params: { id }, body: { status } });
      return (await named(change, unknownOperator(email))).data;
    },
    json: (operator) => operator,
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
  if (operator === undefined) throw unknownOperator(email);
  return operator;
}

async function findOperator(operate: Operate, email: string): Promise<OperatorJson> {
  const wanted = email.trim().toLowerCase();
  const operators = await listAll(operate, "listOperators", { query: { q: wanted } });
  const operator = operators.find((each) => each.email.toLowerCase() === wanted);
  if (operator === undefined) throw unknownOperator(email);
  return operator;
}

function unknownOperator(email: string): Refusal {
  return new Refusal("not_found", `There is no operator ${printable(email)}.`, {
    unknownName: { kind: "operator", name: email },
  });
}
