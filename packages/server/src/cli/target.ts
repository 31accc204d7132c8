/** What a command works on: a store, or a server through its admin API. */
import type { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { ChangeTx } from "../core/change/change-tx.ts";
import { Refusal } from "../core/refusal.ts";
import type { StoreOpening } from "../core/store-identity/position.ts";
import { type CliAdministration, type CliContext, note } from "./context.ts";
import { findServer } from "./find-server.ts";
import { listAll, type Operate } from "./operations.ts";
import type { RemoteServer } from "./remote-operations.ts";
import { type Names, withSuggestion } from "./suggest-names.ts";
import { commitAs, warnOfPassword, withRemoteFlag, withStoreFlags } from "./store-flags.ts";

/** Adds the flags that say what a command works on. */
export function withTargetFlags(command: Command): Command {
  return withRemoteFlag(withStoreFlags(command));
}

/** What a command works on, while it works. */
export type OpenedTarget = OpenedStore | OpenedServer;

interface OpenedStore {
  readonly operate: Operate;
  readonly server?: undefined;
  /** For what no operation does. */
  readonly administration: CliAdministration;
  /** Commits a change that no operation makes, as whoever runs the command. */
  readonly commit: <Result>(work: (tx: ChangeTx) => Promise<Result>) => Promise<Result>;
}

interface OpenedServer {
  readonly operate: Operate;
  readonly server: RemoteServer;
  readonly administration?: undefined;
  readonly commit?: undefined;
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
    if (server.isSignIn === true) noteServer(context, server);
    const { createRemoteOperations } = await import("./remote-operations.ts");
    const operate = createRemoteOperations(server, context.loadAnswerSchema);
    return withNames(namesBy(operate), () => work({ operate, server }));
  }
  warnOfPassword(context, flags);
  const administration = await context.openAdministration(config, opening);
  try {
    const operate = await administration.openOperations(context.actor);
    const commit: OpenedStore["commit"] = (change) => commitAs(context, administration, change);
    return await withNames(administration.store, () => work({ operate, administration, commit }));
  } finally {
    await administration.close();
  }
}

/** Says on a terminal which server a change is made on, so that nobody takes it for the local store. */
export function noteTarget(context: CliContext, flags: Flags): void {
  const server = findServer(context, flags);
  // With a sign-in, which nothing in the command line names, every command says so.
  if (server !== undefined && server.isSignIn !== true) noteServer(context, server);
}

function noteServer(context: CliContext, { url }: RemoteServer): void {
  if (context.stderr.isTTY === true) note(context, `this works on ${url}`);
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
      page: async ({ namePrefix }, _order, _today, { limit }) => ({
        items: (await operate("listUsers", { query: { name_prefix: namePrefix, limit } })).data,
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
