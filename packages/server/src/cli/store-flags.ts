import { type Command, InvalidArgumentError, Option } from "commander";
import { type Config, type Flags, passwordNotice, SETTINGS, type SettingName } from "../config/config.ts";
import { type ChangeTx, unrestrictedAuthor } from "../core/change/change-tx.ts";
import type { Commit } from "../core/change/commit.ts";
import type { StoreOpening } from "../core/store-identity/position.ts";
import { withSuggestion } from "./suggest-names.ts";
import { findSignedInServer } from "./find-server.ts";
import { STORE_GROUP } from "./help-layout.ts";
import { type CliAdministration, type CliContext, WrongUsage } from "./context.ts";

const STORE_SETTINGS = ["dataDir", "databaseUrl"] as const satisfies readonly SettingName[];
const LISTENER_SETTINGS = [
  "host",
  "port",
  "adminHost",
  "adminPort",
  "listenOnly",
] as const satisfies readonly SettingName[];
const ALL_SETTINGS = Object.keys(SETTINGS) as SettingName[];

/** Adds the flags that say where the store is. */
export function withStoreFlags(command: Command): Command {
  return addFlags(command, STORE_SETTINGS, STORE_GROUP);
}

/** Adds the flag that names a server to work on in place of a store. */
export function withRemoteFlag(command: Command): Command {
  const option = new Option(
    "--admin-url <url>",
    "work on the server at this address, by its admin API (after countersign login, or with COUNTERSIGN_ADMIN_TOKEN)",
  );
  return command.addOption(option.argParser(once).helpGroup(STORE_GROUP));
}

/** Adds the flag that names the server to sign in to, or out of. */
export function withServerFlag(command: Command): Command {
  const option = new Option("--admin-url <url>", "the server: where its console is (COUNTERSIGN_ADMIN_URL)");
  return command.addOption(option.argParser(once));
}

/** Adds the flags that say where a server's listeners are. */
export function withListenerFlags(command: Command): Command {
  return addFlags(command, LISTENER_SETTINGS);
}

/** Adds every flag of the configuration. */
export function withAllFlags(command: Command): Command {
  return addFlags(command, ALL_SETTINGS);
}

/** The flag of a command that may create a store. */
export interface NewStoreFlag {
  readonly newStore?: boolean;
}

/** Adds the flag that allows an empty store where another one was. */
export function withNewStoreFlag(command: Command): Command {
  return command.option("--new-store", "begin an empty store even if the folder had one whose database is missing now");
}

/** The opening for a command that may create a store. */
export function creating({ newStore }: NewStoreFlag): StoreOpening {
  return { mayCreate: true, isNewStore: newStore === true };
}

function addFlags(command: Command, names: readonly SettingName[], group?: string): Command {
  for (const name of names) {
    const definition: { flag?: string; meaning: string; default: string; variable: string } = SETTINGS[name];
    if (definition.flag === undefined) continue;
    const option = new Option(
      definition.flag,
      `${definition.meaning} (${definition.variable}; default ${definition.default})`,
    );
    option.argParser(once);
    if (group !== undefined) option.helpGroup(group);
    command.addOption(option);
  }
  return command;
}

/** Without this, the second of two values would silently win. */
function once(value: string, previous: string | undefined): string {
  if (previous !== undefined) throw new InvalidArgumentError("It is given twice.");
  return value;
}

/**
 * Opens the store that the flags and the environment name, runs `work` on it, and closes it.
 *
 * @param opening by default no store is created, so that a mistyped folder is noticed
 */
export async function withAdministration<Result>(
  context: CliContext,
  flags: Flags,
  work: (administration: CliAdministration) => Promise<Result>,
  opening: StoreOpening = {},
): Promise<Result> {
  const config = context.config(flags);
  requireStore(context, config, flags);
  warnOfPassword(context, flags);
  const administration = await context.openAdministration(config, opening);
  try {
    return await work(administration);
  } catch (error) {
    throw await withSuggestion(error, administration.store);
  } finally {
    await administration.close();
  }
}

/** Refuses a command that has to open the store where the environment or a sign-in names a server. @throws {WrongUsage} */
function requireStore(context: CliContext, config: Config, flags: Flags): void {
  if (config.adminToken !== undefined) {
    throw new WrongUsage(
      "This command works only where the store is: run it there, without COUNTERSIGN_ADMIN_TOKEN in the environment.",
    );
  }
  const server = findSignedInServer(context, flags, config);
  if (server === undefined) return;
  throw new WrongUsage(
    `This command works only where the store is, and you are signed in to ${server.url}: name the store with --data-dir or --database-url.`,
  );
}

/** Commits a change as the operator who runs the command. */
export async function commitAs<Result>(
  { actor }: CliContext,
  { commit }: { readonly commit: Commit },
  work: (tx: ChangeTx) => Promise<Result>,
): Promise<Result> {
  return (await commit(work, { author: unrestrictedAuthor(actor) })).result;
}

/** Makes one change to the store that the flags and the environment name. */
export function commitChange<Result>(
  context: CliContext,
  flags: Flags,
  work: (tx: ChangeTx) => Promise<Result>,
  opening?: StoreOpening,
): Promise<Result> {
  return withAdministration(context, flags, (administration) => commitAs(context, administration, work), opening);
}

/** Warns if a flag has put a database password into the process list. */
export function warnOfPassword(context: CliContext, flags: Flags): void {
  const notice = passwordNotice(flags);
  if (notice !== undefined) context.stderr.write(`countersign: warning: ${notice}\n`);
}
