/**
 * The command line, one file for each command. A command gets a {@link CliContext}; it contains neither HTTP nor SQL.
 *
 * Output rules:
 * - Standard output carries only the result: with `--json` exactly one JSON value, without it text for people.
 * - Standard error carries errors, one line each, and notes that aren't the result. With `--json`, a command that fails
 *   before it has a result prints `{"error":{"code":…,"message":…}}` in its place.
 * - Relative times and colours are only in text for people; colours only on a terminal, and not under NO_COLOR.
 * - Exit status: 0 success, 1 refused or failed, 2 wrong usage; also 2 for a dry run of apply that would change something.
 */
import { isUtf8 } from "node:buffer";
import type { Readable, Writable } from "node:stream";
import { styleText } from "node:util";
import type { Config, Flags } from "../config/config.ts";
import type { CheckToken } from "../core/check.ts";
import type { AcceptedStore } from "../core/store-identity/accept-store.ts";
import type { Restoration, StoreOpening } from "../core/store-identity/position.ts";
import type { Policy } from "../core/change/change-tx.ts";
import type { Commit } from "../core/change/commit.ts";
import type { StoredKeyExaminer } from "../core/keys/audit/audit-keys.ts";
import type { Report } from "../core/doctor/run-checks.ts";
import type { AdmitKey, AdmitKeys } from "../core/keys/admit-key.ts";
import type { KeyProofs } from "../core/key-statements/key-proofs.ts";
import type { Store } from "../core/store/store.ts";
import type { NameKind, StoredName } from "../core/store/stored-name.ts";
import type { RegistryView } from "../core/view/view.ts";
import type { Deliver } from "../core/webhooks/deliver.ts";
import type { WebhookSender } from "../core/webhooks/send.ts";
import type { Clock, Random } from "../core/surroundings.ts";
import { OperatorError } from "../core/operator-error.ts";
import type { Operate, OperationId } from "./operations.ts";

/** An open store and what commands do with it. */
export interface CliAdministration {
  readonly store: Store;
  readonly commit: Commit;
  readonly admitKey: AdmitKey;
  /** Examines many keys in threads of its own, one for each processor. */
  openAdmitKeys(): Promise<{ readonly admitKeys: AdmitKeys; close(): Promise<void> }>;
  /** The URL at which a browser opens a one-time link. */
  readonly linkUrl: (secret: string) => string;
  /** The master secret from which new signing keys derive. */
  newestMasterSecret(): Promise<Buffer>;
  /** Examines stored keys, in the thread that calls it. */
  openStoredKeyExaminer(): Promise<StoredKeyExaminer>;
  /** What the configuration demands of changes. */
  readonly policy: Policy;
  /** Tells whether an endpoint's URL can be used. It needs no master secret. */
  openWebhookSender(): Promise<Pick<WebhookSender, "findUrlProblem">>;
  openCheck(): Promise<CheckToken>;
  /** The operations of the admin API on this store. @param actor the author in the audit log */
  openOperations(actor: string): Promise<Operate>;
  /** Proofs of possession, as the servers of this store accept them. @throws {OperatorError} without the master secret */
  openKeyProofs(): Promise<KeyProofs>;
  openView(): Promise<RegistryView>;
  /** What creating and testing webhook endpoints needs. */
  openWebhooks(): Promise<{ readonly sender: WebhookSender; readonly deliver: Deliver }>;
  close(): Promise<void>;
}

/** A running service, as `demo` uses it. */
export interface CliService {
  /** How clients and operators reach it. */
  readonly publicUrl: string;
  readonly adminUrl: string;
  readonly store: Store;
  readonly commit: Commit;
  readonly admitKey: AdmitKey;
  /** For a service manager: one line, and whether only a restart can help. */
  state(): { readonly status: string; readonly isStuck: boolean };
  stop(): Promise<void>;
}

/** What a command gets from the process. */
export interface CliContext {
  readonly version: string;
  /** How a person types this program's name here: `npx countersign` where npm runs it. */
  readonly programName: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The author of the command's changes, for the audit log. */
  readonly actor: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Removes secrets from a line for standard error: an error message may quote a secret from the command line. */
  readonly redact: (line: string) => string;
  /** The name of this machine. */
  readonly hostName: string;
  /** The file that keeps sign-ins to servers; `undefined` without a home folder. */
  readonly credentialsFile: string | undefined;
  /** Does the environment say where the store is, as a server's does? */
  readonly environmentNamesStore: boolean;
  /** Waits so many milliseconds. */
  readonly pause: (milliseconds: number) => Promise<void>;
  /** @throws {ConfigError} */
  config(flags: Flags): Config;
  /** The same, without the environment. @throws {ConfigError} */
  configOfFlags(flags: Flags): Config;
  /** What runs here: versions, platform, schema. */
  describeRelease(): Promise<Readonly<Record<string, string | undefined>>>;
  /**
   * Finds names in the store that begin with `prefix`: some, if there are many. Reads only, and neither creates nor changes a store.
   *
   * @throws if the store can't be read
   */
  findNames(config: Config, kind: NameKind, prefix: string): Promise<readonly StoredName[]>;
  openAdministration(config: Config, opening: StoreOpening): Promise<CliAdministration>;
  /** The schema of what an operation of a server answers with. */
  loadAnswerSchema(this: void, id: OperationId): Promise<object>;
  /** Accepts a store that was restored or replaced, or whose master secret is lost. Ends every token. */
  acceptStore(config: Config): Promise<AcceptedStore & { readonly restoration: Restoration | undefined }>;
  /** Copies the store into another database, which must be empty. */
  copyStore(
    config: Config,
    targetUrl: string,
  ): Promise<{
    readonly rows: Readonly<Record<string, number>>;
    readonly lastEvent: { readonly seq: number; readonly hash: string };
  }>;
  /** Runs the doctor's checks. A problem of the configuration is a finding. @param ntp an NTP server to ask */
  diagnose(flags: Flags, ntp: string | undefined): Promise<Report>;
  /** Serves until the process receives a signal. @param flags the flags from which `config` was read */
  serve(config: Config, opening: StoreOpening, flags: Flags): Promise<void>;
  /** Starts a service that logs nothing. */
  startQuietService(config: Config): Promise<CliService>;
  /** Makes the link with which the first owner signs up; `undefined` if the store has an operator. */
  makeSetupLink(
    config: Config,
    adminUrl: string,
  ): Promise<{ readonly url: string; readonly expiresAtMs: number } | undefined>;
  /**
   * Resolves when the process receives a signal to end.
   *
   * @param options.hangupEnds whether SIGHUP is one, which it is by default
   */
  untilSignal(options?: { readonly hangupEnds: boolean }): Promise<void>;
}

/** Ends a command with status 2 and one line on standard error. */
export class WrongUsage extends OperatorError {
  override readonly name = "WrongUsage";
}

/** Ends a command and prints nothing more: the negative result is already on standard output. */
export class NegativeResult extends Error {
  override readonly name = "NegativeResult";
  /** 2 for a dry run that would change something. */
  readonly exitStatus: 1 | 2;

  constructor(exitStatus: 1 | 2 = 1) {
    super();
    this.exitStatus = exitStatus;
  }
}

/** The contexts whose command has printed its result. */
const printed = new WeakSet<CliContext>();

/** Has the command printed its result, or begun to? An error's JSON value would be a second one. */
export function hasPrinted(context: CliContext): boolean {
  return printed.has(context);
}

/** Notes that a command writes its result to standard output by itself. */
export function beginsResult(context: CliContext): void {
  printed.add(context);
}

/** Prints a result: the JSON value with `--json`, the text otherwise. */
export function print(context: CliContext, json: boolean | undefined, value: unknown, text: () => string): void {
  beginsResult(context);
  context.stdout.write(`${json === true ? JSON.stringify(value) : text()}\n`);
}

/** Notes on standard error what isn't the result. A control character, which a terminal would act on, becomes `?`. */
export function note(context: CliContext, sentence: string): void {
  context.stderr.write(`${context.redact(`countersign: note: ${sentence}`).replaceAll(/\p{C}/gu, "?")}\n`);
}

/** How wide the terminal is; `undefined` if there is none, or if nobody set its size, as in a container: it is 0 then. */
export function columnsOf({ stdout: { columns = 0 } }: CliContext): number | undefined {
  return columns > 0 ? columns : undefined;
}

export type Style = Parameters<typeof styleText>[0];

/** Colours a text if standard output is a terminal and NO_COLOR isn't set. */
export function paint(context: CliContext, style: Style, text: string): string {
  const isTerminal = context.stdout.isTTY === true;
  return isTerminal ? styleText(style, text, { stream: context.stdout }) : text;
}

/** Colours a status: active green, expired yellow, anything else red. */
export function paintStatus(context: CliContext, status: string): string {
  return paint(context, status === "active" ? "green" : status === "expired" ? "yellow" : "red", status);
}

/**
 * Reads standard input to its end as text.
 *
 * @throws {OperatorError} if it has more than `bytesMax` bytes, holds only white space, or isn't UTF-8
 */
export async function readStdin(context: CliContext, bytesMax: number): Promise<string> {
  const bytes = await readStdinBytes(context, bytesMax);
  if (!isUtf8(bytes)) throw new OperatorError("Standard input isn't UTF-8.");
  const text = bytes.toString("utf8");
  if (text.trim() === "") throw new OperatorError("Standard input is empty.");
  return text;
}

/** Reads standard input to its end. @throws {OperatorError} if it has more than `bytesMax` bytes, or none */
export async function readStdinBytes({ stdin }: CliContext, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Buffer);
    chunks.push(bytes);
    length += bytes.length;
    if (length > bytesMax) throw new OperatorError(`Standard input has over ${bytesMax} bytes.`);
  }
  if (length === 0) throw new OperatorError("Standard input is empty.");
  return Buffer.concat(chunks);
}
