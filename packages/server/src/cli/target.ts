/** What a command works on: a store, or a server through its admin API. */
import type { Command } from "commander";
import { type Config, type Flags, SETTINGS } from "../config/config.ts";
import type { ChangeTx } from "../core/change/change-tx.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";
import type { StoreOpening } from "../core/store-identity/position.ts";
import { LOOPBACK_HOSTS } from "../platform/loopback.ts";
import { type CliContext, note, WrongUsage } from "./context.ts";
import { listAll, type Operate } from "./operations.ts";
import type { RemoteServer } from "./remote-operations.ts";
import { type Names, withSuggestion } from "./suggest-names.ts";
import { commitAs, warnOfPassword, withRemoteFlag, withStoreFlags } from "./store-flags.ts";

/** Adds the flags that say what a command works on. */
export function withTargetFlags(command: Command): Command {
  return withRemoteFlag(withStoreFlags(command));
}

/** What a command works on, while it works. */
export interface OpenedTarget {
  readonly operate: Operate;
  /** Commits a change that no operation makes, as whoever runs the command; `undefined` on a server. */
  readonly commit?: <Result>(work: (tx: ChangeTx) => Promise<Result>) => Promise<Result>;
}

/**
 * Runs `work` with the operations of the store or the server that the flags and the environment name.
 *
 * @param opening for a store; by default none is created, so that a mistyped folder is noticed
 * @throws {WrongUsage} if the flags name a store and the environment or a flag a server
 */
export async function withOperations<Result>(
  context: CliContext,
  flags: Flags,
  work: (operate: Operate) => Promise<Result>,
  opening?: StoreOpening,
): Promise<Result> {
  return withTarget(context, flags, ({ operate }) => work(operate), opening);
}

/** As {@link withOperations}, for a command that does on a store what a server does by itself. */
export async function withTarget<Result>(
  context: CliContext,
  flags: Flags,
  work: (target: OpenedTarget) => Promise<Result>,
  opening: StoreOpening = {},
): Promise<Result> {
  const config = context.config(flags);
  const server = findServer(context, flags, config);
  if (server !== undefined) {
    const { createRemoteOperations } = await import("./remote-operations.ts");
    const operate = createRemoteOperations(server, context.loadAnswerSchema);
    return withNames(namesBy(operate), () => work({ operate }));
  }
  warnOfPassword(context, flags);
  const administration = await context.openAdministration(config, opening);
  try {
    const operate = await administration.openOperations(context.actor);
    const commit: OpenedTarget["commit"] = (change) => commitAs(context, administration, change);
    return await withNames(administration.store, () => work({ operate, commit }));
  } finally {
    await administration.close();
  }
}

/** Says on a terminal which server a change is made on, so that nobody takes it for the local store. */
export function noteTarget(context: CliContext, flags: Flags): void {
  if (context.stderr.isTTY !== true) return;
  const server = findServer(context, flags);
  if (server !== undefined) note(context, `this works on ${server.url}`);
}

/**
 * The server that a command works on; `undefined` if it works on a store. `COUNTERSIGN_ADMIN_URL` alone names none: a server's own
 * environment has it, for the links that it makes.
 *
 * @throws {WrongUsage} if a store is named as well: by a flag, or by the environment that has the token @throws {OperatorError} if the URL or the token is missing, or the token would
 *   travel in clear text
 */
export function findServer(
  context: CliContext,
  flags: Flags,
  config: Config = context.config(flags),
): RemoteServer | undefined {
  const { adminUrl: url, adminToken: token } = config;
  if (!selectsServer(config, flags)) return undefined;
  if (flags.dataDir !== undefined || flags.databaseUrl !== undefined) {
    const flag = flags.dataDir === undefined ? "--database-url" : "--data-dir";
    const other = flags.adminUrl === undefined ? "COUNTERSIGN_ADMIN_TOKEN" : "--admin-url";
    throw new WrongUsage(`${flag} names a store and ${other} a server; a command works on one of them.`);
  }
  const variable = flags.adminUrl === undefined ? storeVariable(context, config) : undefined;
  if (variable !== undefined) {
    throw new WrongUsage(
      `The environment names a store (${variable}) and a server (COUNTERSIGN_ADMIN_TOKEN), and a command works on one of them: name the server by --admin-url, or unset the variable that isn't meant.`,
    );
  }
  if (url === undefined) {
    throw new OperatorError(
      "COUNTERSIGN_ADMIN_TOKEN is set, but nothing says for which server: set COUNTERSIGN_ADMIN_URL, or unset the token to work on the store itself.",
    );
  }
  if (token === undefined) {
    throw new OperatorError(
      "--admin-url names a server, and its admin token is missing: set COUNTERSIGN_ADMIN_TOKEN or COUNTERSIGN_ADMIN_TOKEN_FILE.",
    );
  }
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !LOOPBACK_HOSTS.includes(hostname)) {
    throw new OperatorError(
      `The admin token would go to ${hostname} in clear text, where anyone on the way can read it: use an https:// URL. http:// works to this machine only, for example through kubectl port-forward or ssh -L.`,
    );
  }
  return { url, token };
}

/** Does the environment or a flag name a server, if perhaps not completely? */
export function selectsServer({ adminToken }: Config, { adminUrl }: Flags): boolean {
  return adminToken !== undefined || adminUrl !== undefined;
}

/** The variable by which the environment names a store. */
function storeVariable(context: CliContext, { databaseUrl, dataDir }: Config): string | undefined {
  if (databaseUrl !== undefined) return SETTINGS.databaseUrl.variable;
  return dataDir === context.configOfFlags({}).dataDir ? undefined : SETTINGS.dataDir.variable;
}

/** Suggests names that may have been meant, from wherever the command works. */
async function withNames<Result>(names: Names, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw await withSuggestion(error, names);
  }
}

function namesBy(operate: Operate): Names {
  return {
    accounts: { list: () => listAll(operate, "listAccounts", { query: {} }) },
    resourceServers: { list: () => listAll(operate, "listResourceServers", { query: {} }) },
    users: {
      page: async ({ search }, _order, _today, { limit }) => ({
        items: (await operate("listUsers", { query: { q: search, limit } })).data,
      }),
    },
    adminTokens: {
      page: async (_filter, { limit }) => ({
        items: (await operate("listAdminTokens", { query: { limit } })).data,
      }),
    },
    operators: {
      page: async (_filter, { limit }) => ({ items: (await operate("listOperators", { query: { limit } })).data }),
    },
  };
}

/**
 * Says what isn't there. The admin API doesn't: there, what is missing and what a caller can't see must look alike, and the answer to
 * whoever typed the name may repeat it.
 *
 * @param missing what to throw if the operation finds nothing
 * @param field the member of the body that has the name, if it isn't the path that has it
 */
export async function named<Result>(operation: Promise<Result>, missing: Refusal, field?: string): Promise<Result> {
  try {
    return await operation;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const isField = error.code === "field_invalid" && error.detail.fields?.[0]?.field === `/${field}`;
    throw field === undefined ? (error.code === "not_found" ? missing : error) : isField ? missing : error;
  }
}
