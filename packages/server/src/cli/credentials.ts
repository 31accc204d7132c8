/** Where the command line keeps the servers that it is signed in to: a file that only its owner can read. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ROLES, type Role } from "@countersign/protocol";
import { OperatorError } from "../core/operator-error.ts";
import { errorProblem } from "../platform/error-code.ts";
import { checkSecretFolder, readSecretFile, SecretFileError } from "../platform/secret-file.ts";
import type { CliContext } from "./context.ts";

/** A server that an operator signed this command line in to. */
export interface SignedInServer {
  readonly token: string;
  readonly name: string;
  readonly operator: string;
  readonly role: Role;
  readonly account: string | null;
  readonly expires_at: string;
}

/** All of them, by their URLs. */
export interface Credentials {
  /** The server of the last sign-in, if it is still there. */
  readonly current: string | undefined;
  readonly servers: ReadonlyMap<string, SignedInServer>;
}

/** The longest text of a sign-in, in characters: the file is read to 64 KiB. */
const TEXT_CHARACTERS_MAX = 1000;

const NONE: Credentials = { current: undefined, servers: new Map() };

/** @throws {OperatorError} if the file is damaged, or others can read or replace it */
export function readCredentials({ credentialsFile: file }: CliContext): Credentials {
  if (file === undefined || !existsSync(file)) return NONE;
  try {
    checkSecretFolder(dirname(file), "owner");
    return parseCredentials(readSecretFile(file, "owner", false));
  } catch (error) {
    if (error instanceof SecretFileError) throw new OperatorError(`${file}, or its folder, ${error.message}.`);
    throw new OperatorError(`${file} is damaged. Remove it, and sign in again with countersign login.`);
  }
}

/** Replaces the file, in one step. @throws {OperatorError} if it can't be written */
export function writeCredentials(
  { credentialsFile: file, random }: CliContext,
  { current, servers }: Credentials,
): void {
  if (file === undefined) {
    throw new OperatorError("There is no folder for the sign-in: set HOME or XDG_CONFIG_HOME to an absolute path.");
  }
  const folder = dirname(file);
  const temporary = `${file}.${random.bytes(8).toString("hex")}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkSecretFolder(folder, "owner");
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(
        descriptor,
        `${JSON.stringify({ version: 1, current: current ?? null, servers: Object.fromEntries(servers) }, null, 2)}\n`,
      );
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    const problem = error instanceof SecretFileError ? error.message : `can't be written (${errorProblem(error)})`;
    throw new OperatorError(`${file}, or its folder, ${problem}.`);
  }
}

function parseCredentials(text: string): Credentials {
  const value = JSON.parse(text) as {
    readonly version?: unknown;
    readonly current?: unknown;
    readonly servers?: object;
  };
  if (value.version !== 1) throw new Error("another version");
  const servers = new Map(Object.entries(value.servers ?? {}).map(([url, server]) => [url, parseServer(server)]));
  const { current } = value;
  return { current: typeof current === "string" && servers.has(current) ? current : undefined, servers };
}

/** @throws {Error} unless the value is one that the file can keep: also what a server answers, which may be another release's, goes through this */
export function parseServer(value: unknown): SignedInServer {
  const { token, name, operator, role, account, expires_at } = value as Record<string, unknown>;
  const isWhole =
    isText(token) &&
    isText(name) &&
    isText(operator) &&
    isText(expires_at) &&
    !Number.isNaN(Date.parse(expires_at)) &&
    (account === null || isText(account));
  const knownRole = ROLES.find((known) => known === role);
  if (!isWhole || knownRole === undefined || !/^csat_[0-9A-Za-z]{20,200}$/.test(token)) throw new Error("no sign-in");
  return { token, name, operator, role: knownRole, account, expires_at };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_CHARACTERS_MAX && !/\p{Cc}/u.test(value);
}
