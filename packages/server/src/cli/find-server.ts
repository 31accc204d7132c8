/** Which server a command works on, if it doesn't work on a store. */
import { type Config, type Flags, SETTINGS } from "../config/config.ts";
import { OperatorError } from "../core/operator-error.ts";
import { dataFiles } from "../platform/data-folder.ts";
import { existsSync } from "node:fs";
import { LOOPBACK_HOSTS } from "../platform/loopback.ts";
import { type CliContext, WrongUsage } from "./context.ts";
import { readCredentials } from "./credentials.ts";
import type { RemoteServer } from "./remote-operations.ts";

/**
 * The server that a command works on; `undefined` if it works on a store. `COUNTERSIGN_ADMIN_URL` alone names none: a server's own
 * environment has it, for the links that it makes. A sign-in counts where nothing names a store and no token is set.
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
  if (!selectsServer(config, flags)) return findSignedInServer(context, flags, config);
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
  requireSafeUrl(url);
  if (token !== undefined) return { url, token };
  const signIn = readCredentials(context).servers.get(url);
  if (signIn === undefined) {
    throw new OperatorError(
      `You aren't signed in to ${url}. Run countersign login --admin-url ${url}, or set COUNTERSIGN_ADMIN_TOKEN or COUNTERSIGN_ADMIN_TOKEN_FILE.`,
    );
  }
  return { url, token: signIn.token, isSignIn: true };
}

/**
 * The server that a command works on because somebody signed in to it: the one of `COUNTERSIGN_ADMIN_URL`, or else the last one.
 *
 * @returns `undefined` where a flag or the environment names a store, or there is no such sign-in
 * @throws {WrongUsage} if there is a store in the default folder too: nothing says which of the two is meant
 */
export function findSignedInServer(
  context: CliContext,
  flags: Flags,
  config: Config = context.config(flags),
): RemoteServer | undefined {
  if (flags.dataDir !== undefined || flags.databaseUrl !== undefined || context.environmentNamesStore) return undefined;
  const { current, servers } = readCredentials(context);
  // A flag of another meaning has this setting, too; only the environment's counts here.
  const url = context.config({}).adminUrl ?? current;
  if (url === undefined && servers.size > 0) {
    throw new WrongUsage(
      `You are signed in to ${[...servers.keys()].join(", ")}, and signed out of the last one. Say what is meant: --admin-url or --data-dir.`,
    );
  }
  const signIn = url === undefined ? undefined : servers.get(url);
  if (url === undefined || signIn === undefined) return undefined;
  if (existsSync(dataFiles(config.dataDir).database)) {
    throw new WrongUsage(
      `You are signed in to ${url}, and there is a store in ${config.dataDir}. Say which one is meant: --admin-url ${url} or --data-dir ${config.dataDir}.`,
    );
  }
  requireSafeUrl(url);
  return { url, token: signIn.token, isSignIn: true };
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

/** Requires that a secret for this server doesn't travel in clear text. @throws {OperatorError} */
export function requireSafeUrl(url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !LOOPBACK_HOSTS.includes(hostname)) {
    throw new OperatorError(
      `The admin token would go to ${hostname} in clear text, where anyone on the way can read it: use an https:// URL. http:// works to this machine only, for example through kubectl port-forward or ssh -L.`,
    );
  }
}
