import {
  COMMAND_LINE_HOURS_DEFAULT,
  COMMAND_LINE_HOURS_FEDERATED_MAX,
  COMMAND_LINE_HOURS_MAX,
} from "@countersign/protocol";
import { LRUCache } from "lru-cache";
import type { Author, ChangeTx } from "../change/change-tx.ts";
import { SYSTEM } from "../change/change-tx.ts";
import type { Commit } from "../change/commit.ts";
import { isExpired } from "../expiry.ts";
import { checkDisplayText } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import { hashSecret } from "../secret-form.ts";
import type { Store } from "../store/store.ts";
import type { Clock, Random } from "../surroundings.ts";
import type { WithToken } from "./admin-tokens.ts";
import { requireStillAuthor, resolveGrant, type WantedGrant } from "./author-rules.ts";
import { mayGrant } from "./authorize.ts";
import { ofAdminToken } from "./events.ts";
import type { DeviceSignIn, Operator } from "./model.ts";
import { ADMIN_TOKENS, DEVICE_CODES, makeUserCode, parseUserCode, randomLetters } from "./secrets.ts";
import { operatorActor } from "./sessions.ts";
import type { SignInLimit } from "./sign-in-limit.ts";

/** How long the codes are valid, in milliseconds; at equality they have expired. */
export const DEVICE_CODE_MS = 600_000;

/** How long a command line waits between two questions, in seconds; as much longer after each that came too early (RFC 8628 §3.5). */
export const POLL_SECONDS = 5;

/** How many command lines may wait at a time: from one network, which is an IPv4 address or an IPv6 /64, and in all. */
export const WAITING_PER_NETWORK_MAX = 10;
export const WAITING_MAX = 200;

/** A question may come so much too early, in milliseconds: the one before may have taken longer on its way. */
const EARLY_MS = 1000;

/** The longest name of a machine, in characters. */
const HOST_NAME_CHARACTERS_MAX = 100;

const HOUR_SECONDS = 3600;

/** What a command line shows and keeps while it waits. */
export interface StartedDeviceSignIn {
  readonly signIn: DeviceSignIn;
  /** By which the command line asks. A secret. */
  readonly deviceCode: string;
  /** Which the operator types. */
  readonly userCode: string;
}

/** What a command line learns. Codes that are wrong, used or expired are one answer. */
export type DeviceVerdict =
  | { readonly status: "authorization_pending" | "slow_down" | "access_denied" | "expired_token" }
  | ({ readonly status: "signed_in" } & WithToken);

/** What an operator grants to a command line: no more than their own. */
export interface DeviceApproval extends WantedGrant {
  /** {@link COMMAND_LINE_HOURS_DEFAULT} hours, unless given. */
  readonly lifeSeconds?: number | undefined;
}

/** An operator who is signed in, as the author of what they decide. */
export type DecidingOperator = Author & { readonly operator: Operator };

/**
 * Signs command lines in by the console, as RFC 8628 does it. A command line shows a code; an operator types it in the console and
 * approves; the command line, which asks again and again, then gets an admin token that is bound to the operator. The token is made
 * when it is collected, so that its secret is nowhere before.
 */
export interface DeviceSignIns {
  /** @throws {Refusal} `rate_limited` if too many wait; `field_invalid` */
  start(wanted: { readonly hostName: string; readonly address: string }): Promise<StartedDeviceSignIn>;
  collect(deviceCode: string): Promise<DeviceVerdict>;
  /** What waits under the code. Guesses are counted for each operator. @throws {Refusal} `field_invalid`, `rate_limited` */
  look(by: DecidingOperator, userCode: string): Promise<DeviceSignIn>;
  /** @throws {Refusal} as {@link look}; `forbidden` for more than the operator's own permissions; `sign_in_required` */
  approve(by: DecidingOperator, userCode: string, approval: DeviceApproval): Promise<DeviceSignIn>;
  /** @throws {Refusal} as {@link look}; `sign_in_required` */
  deny(by: DecidingOperator, userCode: string): Promise<DeviceSignIn>;
}

export interface DeviceSignInDependencies {
  readonly store: Pick<Store, "deviceSignIns">;
  readonly clock: Clock;
  readonly random: Random;
  readonly commit: Commit;
  readonly limit: SignInLimit;
  /** The network under which an address is counted. */
  readonly networkOf: (address: string) => string;
}

export function createDeviceSignIns({
  store,
  clock,
  random,
  commit,
  limit,
  networkOf,
}: DeviceSignInDependencies): DeviceSignIns {
  const pace = createPollPace(clock);

  async function look({ operator }: DecidingOperator, typed: string): Promise<DeviceSignIn> {
    const code = parseUserCode(typed);
    if (code === undefined) throw unknownCode();
    const find = async () => requireWaiting(await store.deviceSignIns.findByUserCode(hashSecret(code)), clock.wallMs());
    return limit.attempt(`device-code:${operator.id}`, find, "field_invalid");
  }

  return {
    async start(wanted) {
      checkDisplayText("host_name", wanted.hostName, HOST_NAME_CHARACTERS_MAX);
      const requirePlace = (waiting: readonly string[]) => {
        requirePlaceFor(networkOf(wanted.address), waiting.map(networkOf));
      };
      // A flood doesn't take the lock of changes.
      requirePlace(await store.deviceSignIns.listOpenAddresses(clock.wallMs()));
      const work = async (tx: ChangeTx) => {
        requirePlace(await tx.deviceSignIns.listOpenAddresses(tx.nowMs));
        return start(tx, wanted, random);
      };
      return (await commit(work, { author: SYSTEM })).result;
    },

    async collect(deviceCode) {
      if (!DEVICE_CODES.hasForm(deviceCode)) return { status: "expired_token" };
      const hash = hashSecret(deviceCode);
      if (pace.isTooEarly(hash)) return { status: "slow_down" };
      // Most questions come before the answer; they write nothing.
      const found = verdictOn(await store.deviceSignIns.findByDeviceCode(hash), clock.wallMs());
      if (found !== undefined) return { status: found };
      return (await commit((tx) => collect(tx, hash, random), { author: SYSTEM })).result;
    },

    look,

    async approve(by, userCode, { lifeSeconds = COMMAND_LINE_HOURS_DEFAULT * HOUR_SECONDS, ...wanted }) {
      const { userCodeHash } = await look(by, userCode);
      requireLife(lifeSeconds, by.operator);
      const work = async (tx: ChangeTx) => {
        await requireStillAuthor(tx);
        const signIn = requireWaiting(await tx.deviceSignIns.findByUserCode(userCodeHash), tx.nowMs);
        const grant = await resolveGrant(tx, wanted);
        await tx.deviceSignIns.decide(signIn.id, {
          kind: "approved",
          operatorId: by.operator.id,
          ...grant,
          lifeSeconds,
        });
        return signIn;
      };
      return (await commit(work, { author: by })).result;
    },

    async deny(by, userCode) {
      const { userCodeHash } = await look(by, userCode);
      const work = async (tx: ChangeTx) => {
        await requireStillAuthor(tx);
        const signIn = requireWaiting(await tx.deviceSignIns.findByUserCode(userCodeHash), tx.nowMs);
        await tx.deviceSignIns.decide(signIn.id, { kind: "denied" });
        return signIn;
      };
      return (await commit(work, { author: by })).result;
    },
  };
}

/** @param waiting the networks of those that wait @throws {Refusal} `rate_limited` */
function requirePlaceFor(network: string, waiting: readonly string[]): void {
  const ofNetwork = waiting.filter((each) => each === network);
  if (waiting.length < WAITING_MAX && ofNetwork.length < WAITING_PER_NETWORK_MAX) return;
  throw new Refusal("rate_limited", "Too many command lines wait to be signed in.", {
    hint: "Each waits for ten minutes at most. Approve or deny them in the console, or wait.",
    retryAfterSeconds: 60,
  });
}

async function start(
  tx: ChangeTx,
  { hostName, address }: { readonly hostName: string; readonly address: string },
  random: Random,
): Promise<StartedDeviceSignIn> {
  const deviceCode = DEVICE_CODES.make(random);
  const userCode = makeUserCode(random);
  const signIn = await tx.deviceSignIns.insert({
    deviceCodeHash: hashSecret(deviceCode),
    userCodeHash: hashSecret(userCode),
    hostName,
    address,
    createdAtMs: tx.nowMs,
    expiresAtMs: tx.nowMs + DEVICE_CODE_MS,
  });
  return { signIn, deviceCode, userCode };
}

/** The answer that needs no change; `undefined` once an operator has decided. */
function verdictOn(
  signIn: DeviceSignIn | undefined,
  nowMs: number,
): "authorization_pending" | "expired_token" | undefined {
  if (signIn === undefined || isExpired(signIn, nowMs)) return "expired_token";
  return signIn.decision === null ? "authorization_pending" : undefined;
}

/** Makes the token of an approved sign-in, which is over then: its codes work once. */
async function collect(tx: ChangeTx, deviceCodeHash: string, random: Random): Promise<DeviceVerdict> {
  const signIn = await tx.deviceSignIns.findByDeviceCode(deviceCodeHash);
  const verdict = verdictOn(signIn, tx.nowMs);
  if (verdict !== undefined || signIn === undefined) return { status: verdict ?? "expired_token" };
  await tx.deviceSignIns.delete(signIn.id);
  const { decision, hostName } = signIn;
  if (decision?.kind !== "approved") return { status: "access_denied" };
  // The operator may have been deactivated, or have lost a role, since they approved.
  const operator = await tx.operators.find(decision.operatorId);
  if (operator?.status !== "active" || !mayGrant(operator, decision)) return { status: "access_denied" };
  const secret = ADMIN_TOKENS.make(random);
  const token = await tx.adminTokens.insert({
    name: tokenName(operator, random),
    role: decision.role,
    accountId: decision.accountId,
    secretHash: hashSecret(secret),
    createdBy: operatorActor(operator),
    createdAtMs: tx.nowMs,
    expiresAtMs: tx.nowMs + decision.lifeSeconds * 1000,
    operatorId: operator.id,
    hostName,
  });
  await tx.append({ action: "admin_token.created", ...ofAdminToken(token) }, operatorActor(operator));
  return { status: "signed_in", token, secret };
}

/**
 * A name that names the operator wherever the audit log names the token, such as `cli-ada@example.com-wdjbmj`. Names that people choose
 * have no `@`; a slash would stand for an account.
 */
function tokenName({ email }: Operator, random: Random): string {
  const plain = email.replaceAll(/[^\p{L}\p{N}.@_+-]/gu, "-").slice(0, 100);
  return `cli-${plain}-${randomLetters(random, 6).toLowerCase()}`;
}

/** @throws {Refusal} `field_invalid` unless the sign-in waits for a decision */
function requireWaiting(signIn: DeviceSignIn | undefined, nowMs: number): DeviceSignIn {
  if (signIn === undefined || signIn.decision !== null || isExpired(signIn, nowMs)) throw unknownCode();
  return signIn;
}

/**
 * An operator of an identity provider proves anew that they are one whenever they sign in, at the latest when a session ends. A command
 * line isn't asked again, so it doesn't outlast a session.
 *
 * @throws {Refusal} `field_invalid`
 */
function requireLife(lifeSeconds: number, { federated }: Operator): void {
  const hoursMax = federated === null ? COMMAND_LINE_HOURS_MAX : COMMAND_LINE_HOURS_FEDERATED_MAX;
  if (lifeSeconds >= 60 && lifeSeconds <= hoursMax * HOUR_SECONDS) return;
  const whose = federated === null ? "" : " of an operator who signs in by an identity provider";
  const message = `A command line${whose} stays signed in for a minute at least, and ${hoursMax} hours at most.`;
  throw fieldRefusal("field_invalid", message, "life_seconds");
}

/** One refusal for every cause, so that a guess learns nothing. */
function unknownCode(): Refusal {
  return fieldRefusal(
    "field_invalid",
    "No command line waits under this code: it was mistyped or used, or has expired.",
    "user_code",
  );
}

/** Do questions come too fast? Each process counts its own; behind several, a fast one costs a read of the store each time. */
function createPollPace(clock: Clock) {
  const polls = new LRUCache<string, { readonly atMs: number; readonly intervalMs: number }>({ max: WAITING_MAX * 2 });
  return {
    isTooEarly(name: string): boolean {
      const atMs = clock.monotonicMs();
      const last = polls.get(name);
      const isEarly = last !== undefined && atMs - last.atMs < last.intervalMs - EARLY_MS;
      const intervalMs = (last?.intervalMs ?? POLL_SECONDS * 1000) + (isEarly ? POLL_SECONDS * 1000 : 0);
      polls.set(name, { atMs, intervalMs });
      return isEarly;
    },
  };
}
