/** Signing in to a server by its console, as RFC 8628 does it; who is signed in; and signing out. */
import type { Role } from "@countersign/protocol";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";
import { type CliContext, NegativeResult, note, print, WrongUsage } from "./context.ts";
import { parseServer, readCredentials, type SignedInServer, writeCredentials } from "./credentials.ts";
import { findServer, requireSafeUrl } from "./find-server.ts";
import { askServer, NoAnswer, TokenRefused } from "./remote-operations.ts";
import { LOOPBACK_HOSTS } from "../platform/loopback.ts";
import { withServerFlag } from "./store-flags.ts";
import { relativeTime } from "./time.ts";
import { withTargetFlags } from "./target.ts";

type Options = Flags & { readonly json?: boolean };

/** The longest wait between two questions, in seconds, whatever the server says. */
const INTERVAL_SECONDS_MAX = 60;

interface Started {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly expires_in: number;
  readonly interval: number;
}

type Verdict = Partial<SignedInServer> & { readonly status: string };

export function loginCommand(context: CliContext): Command {
  return withServerFlag(new Command("login"))
    .description("sign this command line in to a server, by its console")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const { adminUrl: url, adminToken } = context.config(options);
      if (adminToken !== undefined) {
        throw new WrongUsage("COUNTERSIGN_ADMIN_TOKEN is set and wins over a sign-in: unset it first.");
      }
      if (url === undefined) {
        throw new WrongUsage("Name the server: countersign login --admin-url https://countersign-admin.example.com");
      }
      requireSafeUrl(url);
      // Before anybody is asked to approve: a sign-in that can't be kept is of no use.
      writeCredentials(context, readCredentials(context));
      const signedIn = await signIn(context, url);
      const replaced = await keep(context, url, signedIn);
      if (replaced !== undefined) await revoke(url, replaced.token).catch(() => undefined);
      print(context, options.json, shown(url, signedIn), () => `Signed in to ${describe(context, url, signedIn)}.`);
    });
}

export function logoutCommand(context: CliContext): Command {
  return withServerFlag(new Command("logout"))
    .description("sign this command line out: revoke its token and forget it")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const { current, servers } = readCredentials(context);
      const url = context.config(options).adminUrl ?? current;
      const signIn = url === undefined ? undefined : servers.get(url);
      if (url === undefined || signIn === undefined) {
        throw new OperatorError(url === undefined ? "You aren't signed in." : `You aren't signed in to ${url}.`);
      }
      const left = new Map(servers);
      left.delete(url);
      writeCredentials(context, { current: current === url ? undefined : current, servers: left });
      const isRevoked = await revoke(url, signIn.token).then(
        () => true,
        (error: unknown) => {
          const problem = error instanceof Error ? error.message : "The server refuses it.";
          note(
            context,
            `the sign-in is forgotten here, but its token couldn't be revoked and expires ${expiryOf(context, signIn.expires_at)}: end it in the console, under Your sign-in. ${problem}`,
          );
          return false;
        },
      );
      print(context, options.json, { server: url, revoked: isRevoked }, () =>
        isRevoked ? `Signed out of ${url}.` : `Forgot the sign-in to ${url}.`,
      );
      if (!isRevoked) throw new NegativeResult();
    });
}

export function whoamiCommand(context: CliContext): Command {
  return withTargetFlags(new Command("whoami"))
    .description("say which server commands work on, and as whom")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const server = findServer(context, options);
      if (server === undefined) {
        print(context, options.json, { signed_in: false }, () => "Not signed in: commands work on the store itself.");
        throw new NegativeResult();
      }
      const me = (await askServer(server, "GET", "/me")) as {
        readonly actor: string;
        readonly role: Role;
        readonly account: string | null;
        readonly token?: {
          readonly name: string;
          readonly operator: string | null;
          readonly expires_at: string | null;
        };
      };
      const { role, account, token } = me;
      if (token === undefined) {
        throw new OperatorError(
          `${server.url} doesn't say whose token this is: its release is older than this command line's.`,
        );
      }
      const { name, operator, expires_at } = token;
      print(context, options.json, shown(server.url, { name, operator, role, account, expires_at }), () =>
        describe(context, server.url, { name, operator, role, account, expires_at }),
      );
    });
}

/** @returns the sign-in that it replaces */
async function keep(context: CliContext, url: string, signedIn: SignedInServer): Promise<SignedInServer | undefined> {
  try {
    // Read again: while this waited, another login or logout may have changed the file.
    const { servers } = readCredentials(context);
    writeCredentials(context, { current: url, servers: new Map(servers).set(url, signedIn) });
    return servers.get(url);
  } catch (error) {
    // Nobody would have the token, and it would stay good.
    await revoke(url, signedIn.token).catch(() => undefined);
    throw error;
  }
}

/** Asks, shows the code, and waits until an operator has decided. @throws {OperatorError} if they denied, or nobody did */
async function signIn(context: CliContext, url: string): Promise<SignedInServer> {
  const body = { host_name: printableHostName(context.hostName) };
  const started = (await askServer({ url }, "POST", "/device-sign-ins", body)) as Started;
  requireSound(started);
  const minutes = Math.round(started.expires_in / 60);
  context.stderr.write(
    `To sign in to ${url}, open\n\n    ${started.verification_uri}\n\nand type the code\n\n    ${started.user_code}\n\nIt is valid for ${minutes} minutes. Waiting …\n`,
  );
  let intervalSeconds = started.interval;
  let waitedSeconds = 0;
  while (waitedSeconds < started.expires_in) {
    await context.pause(intervalSeconds * 1000);
    waitedSeconds += intervalSeconds;
    const verdict = await ask(url, started.device_code);
    switch (verdict.status) {
      case "signed_in":
        return requireSignedIn(url, verdict);
      case "authorization_pending":
        break;
      case "slow_down":
        // RFC 8628 §3.5: five seconds more, for this and all further questions.
        intervalSeconds = Math.min(intervalSeconds + 5, INTERVAL_SECONDS_MAX);
        break;
      case "no_answer":
        // And §3.5 again: a connection that fails is no reason to ask more often.
        intervalSeconds = Math.min(intervalSeconds * 2, INTERVAL_SECONDS_MAX);
        break;
      case "access_denied":
        throw new OperatorError("The operator denied the sign-in, or may no longer grant what they approved.");
      default:
        throw expired();
    }
  }
  throw expired();
}

function expired(): OperatorError {
  return new OperatorError("The code has expired, or was used. Run countersign login again.");
}

/** A server that is busy or can't be reached for a moment is asked again. */
async function ask(url: string, deviceCode: string): Promise<Verdict> {
  try {
    return (await askServer({ url }, "POST", "/device-sign-ins/token", { device_code: deviceCode })) as Verdict;
  } catch (error) {
    const isBusy = error instanceof Refusal && (error.code === "rate_limited" || error.code === "unavailable");
    if (isBusy || error instanceof NoAnswer) return { status: "no_answer" };
    throw error;
  }
}

/** What comes from the server reaches the terminal and decides how long this waits. */
function requireSound({ device_code, user_code, verification_uri, expires_in, interval }: Started): void {
  const { protocol, hostname } = URL.parse(verification_uri) ?? {};
  const isSound =
    typeof device_code === "string" &&
    typeof user_code === "string" &&
    /^[A-Z0-9-]{4,20}$/.test(user_code) &&
    // Without blanks: words after the address would look like this program's own. Without "@": a name before the host would look like it.
    /^[!-?A-~]{1,500}$/.test(verification_uri) &&
    (protocol === "https:" || (protocol === "http:" && LOOPBACK_HOSTS.includes(hostname ?? ""))) &&
    Number.isInteger(expires_in) &&
    Number.isInteger(interval) &&
    expires_in >= 1 &&
    expires_in <= 3600 &&
    interval >= 1 &&
    interval <= INTERVAL_SECONDS_MAX;
  if (!isSound) throw new OperatorError("The server's answer isn't one of a Countersign server.");
}

function requireSignedIn(url: string, verdict: Verdict): SignedInServer {
  try {
    return parseServer({ ...verdict, account: verdict.account ?? null });
  } catch {
    throw new OperatorError(`What ${url} answers isn't an admin token that this release understands.`);
  }
}

async function revoke(url: string, token: string): Promise<void> {
  try {
    await askServer({ url, token, isSignIn: true }, "DELETE", "/me/token");
  } catch (error) {
    // It was revoked or has expired, which is what is wanted.
    if (!(error instanceof TokenRefused)) throw error;
  }
}

interface Shown {
  readonly name: string;
  readonly operator: string | null;
  readonly role: Role;
  readonly account: string | null;
  readonly expires_at: string | null;
}

function shown(server: string, { name, operator, role, account, expires_at }: Shown) {
  return { signed_in: true, server, name, operator, role, account, expires_at };
}

function describe(context: CliContext, url: string, { name, operator, role, account, expires_at }: Shown): string {
  const who = operator ?? `the admin token ${name}`;
  const where = account === null ? "" : ` of the account ${account}`;
  const until = expires_at === null ? "doesn't expire" : `expires ${expiryOf(context, expires_at)}`;
  return `${url} as ${who}, ${role}${where}, ${until}`;
}

function expiryOf({ clock }: CliContext, time: string): string {
  return relativeTime(Date.parse(time), clock.wallMs());
}

/** As the server accepts it. */
function printableHostName(name: string): string {
  const plain = name
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}\ufffd]/gu, "")
    .trim()
    .slice(0, 100);
  return plain === "" ? "unknown" : plain.toWellFormed();
}
