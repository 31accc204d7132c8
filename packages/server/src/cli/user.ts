import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unknownAccount } from "../core/accounts/changes.ts";
import type { Standing } from "../core/standing.ts";
import { unknownUser } from "../core/users/changes.ts";
import { type CliContext, paintStatus, print, WrongUsage } from "./context.ts";
import { type ListOptions, noteMore, partOf, readChoice, withListOptions } from "./list-options.ts";
import { formatNetworks, type NetworkOptions, networkTexts, withNetworkChange, withNetworks } from "./networks.ts";
import { noteOf, shownNotes } from "./notes.ts";
import { type InputOf, type ListedUserJson, listPart, type Operate, type UserJson } from "./operations.ts";
import { addArchiveCommands, addStandingCommands } from "./standing-commands.ts";
import { formatFields, formatTable } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
import { relativeTime } from "./time.ts";
import { userExportCommand, userImportCommand } from "./user-bulk.ts";
import { userShowCommand } from "./user-show.ts";

type Options = Flags & { readonly json?: boolean };

interface EditOptions extends Options, NetworkOptions {
  readonly mayRotate?: boolean;
  readonly name?: string;
  readonly description?: string;
  readonly contact?: string;
}

interface FilterOptions extends Options, ListOptions {
  readonly account?: string;
  readonly status?: string;
  readonly access?: string;
  readonly search?: string;
  readonly archived?: boolean;
}

const ACCESSES = { full: "full", "read-only": "read_only", read_only: "read_only" } as const;
const STANDINGS = { active: "active", deactivated: "deactivated" } as const satisfies Record<Standing, Standing>;

export function userCommand(context: CliContext): Command {
  const user = new Command("user");
  addCreate(context, user);
  user.addCommand(userShowCommand(context));
  addEdit(context, user);
  addList(context, user);
  user.addCommand(userImportCommand(context));
  user.addCommand(userExportCommand(context));
  addStandingCommands(context, user, {
    argument: "username",
    effect: "refuse the API user's assertions and tokens immediately",
    setStanding: (operate, name, status) => changeUser(operate, name, { status }),
    json: shownUser,
    findScope,
  });
  addArchiveCommands(context, user, {
    argument: "username",
    thing: "API user",
    setArchived: (operate, name, archived) => changeUser(operate, name, { archived }),
    json: shownUser,
    findScope,
  });
  return user;
}

function addCreate(context: CliContext, user: Command): void {
  withNetworks(withTargetFlags(user.command("create")))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create an API user; its username is api-<account id>-<name>")
    .requiredOption("--account <shortname>", "the account that owns it")
    .option("--read-only", "allow only GET, HEAD and OPTIONS")
    .option("--may-rotate", "let the API user send in its next key itself")
    .option("--name <name>", "its name for people")
    .option("--description <text>", "what it is for")
    .option("--contact <text>", "whom to ask about it")
    .option("--json", "print JSON")
    .action(async (name: string, options: EditOptions & { account: string; readOnly?: boolean }) => {
      const { account, mayRotate, readOnly, description, contact } = options;
      const access = readOnly === true ? ("read_only" as const) : ("full" as const);
      const notes = { display_name: options.name, description, contact };
      const body = { name, account, access, may_rotate: mayRotate, networks: networkTexts(options), ...notes };
      noteTarget(context, options);
      const { data: created } = await withOperations(context, options, (operate) =>
        named(operate("createUser", { body }), unknownAccount(account), "account"),
      );
      print(context, options.json, shownUser(created), () => formatUser(created));
    });
}

function addEdit(context: CliContext, user: Command): void {
  withNetworkChange(withTargetFlags(user.command("edit")))
    .argument("<username>")
    .description("change an API user; what isn't named stays, and so does its username")
    .option("--name <name>", 'its name for people; "" removes it')
    .option("--description <text>", 'what it is for; "" removes it')
    .option("--contact <text>", 'whom to ask about it; "" removes it')
    .option("--access <access>", "full or read-only; holds for its live tokens too")
    .option("--may-rotate", "let the API user send in its next key itself")
    .option("--no-may-rotate", "let only operators add its keys")
    .option("--json", "print JSON")
    .action(async (username: string, options: EditOptions & { readonly access?: string }) => {
      const patch = {
        display_name: noteOf(options.name),
        description: noteOf(options.description),
        contact: noteOf(options.contact),
        access: readChoice("--access", options.access, ACCESSES),
        may_rotate: options.mayRotate,
        networks: networkTexts(options),
      };
      if (Object.values(patch).every((value) => value === undefined)) {
        throw new WrongUsage(
          "Name what to change: --name, --description, --contact, --access, --network, --may-rotate or their opposites.",
        );
      }
      noteTarget(context, options);
      const changed = await withOperations(context, options, (operate) => changeUser(operate, username, patch));
      print(context, options.json, shownUser(changed), () => formatUser(changed));
    });
}

function addList(context: CliContext, user: Command): void {
  withListOptions(withTargetFlags(user.command("list")))
    .description("list API users that aren't archived, the newest last")
    .option("--account <shortname>", "only those of this account")
    .option("--status <status>", "active or deactivated")
    .option("--access <access>", "full or read-only")
    .option("--search <text>", "any part of a name, an account or a key's label, or a fingerprint's beginning")
    .option("--archived", "those that are archived, instead")
    .option("--json", "print JSON")
    .action(async (options: FilterOptions) => {
      const { account, search: q, archived } = options;
      const status = readChoice("--status", options.status, STANDINGS);
      const access = readChoice("--access", options.access, ACCESSES);
      const isFiltered = [account, q, archived, status, access].some((value) => value !== undefined);
      const query = { account, q, status, access, archived };
      const part = partOf(options);
      const { items: users, cursor } = await withOperations(context, options, (operate) =>
        listPart(operate, "listUsers", { query }, part),
      );
      // The newest comes last, next to the prompt.
      users.reverse();
      print(context, options.json, users.map(shownUser), () => userTable(context, users, isFiltered));
      noteMore(context, cursor);
    });
}

function userTable(context: CliContext, users: readonly ListedUserJson[], isFiltered: boolean): string {
  if (users.length === 0) {
    return isFiltered
      ? "No such API users."
      : "No API users yet; create one with: countersign user create <name> --account <shortname>";
  }
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
  return formatTable(["id", "username", "account", "access", "status", "may rotate", "networks", "created"], rows);
}

async function changeUser(operate: Operate, username: string, body: InputOf<"changeUser">["body"]): Promise<UserJson> {
  return (await named(operate("changeUser", { params: { username }, body }), unknownUser(username))).data;
}

async function findScope(operate: Operate, username: string): Promise<InputOf<"getImpact">["query"] | undefined> {
  const { data: found } = await named(operate("getUser", { params: { username } }), unknownUser(username));
  return found.status === "active" ? { username } : undefined;
}

/** What most commands show of an API user; the admin API adds figures. */
function shownUser(user: UserJson): UserJson {
  const { id, username, account, access, status, created_at, may_rotate, networks } = user;
  const { display_name, description, contact, archived_at } = user;
  const notes = { display_name, description, contact, archived_at };
  return { id, username, account, access, status, created_at, may_rotate, networks, ...notes };
}

function formatUser(user: UserJson): string {
  const { username, account, access, may_rotate: mayRotate, networks, display_name: name } = user;
  return formatFields([
    ["username", username],
    ["account", account],
    ["access", access],
    ["may rotate", mayRotate ? "yes" : "no"],
    ["networks", networks.join(", ") || "any"],
    ...(name === null ? [] : [["name", name] as const]),
    ...shownNotes(user),
  ]);
}
