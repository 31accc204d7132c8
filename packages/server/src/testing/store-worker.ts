import { parentPort, workerData } from "node:worker_threads";
import { createRegistryChanges, type RegistryChanges } from "./test-changes.ts";
import { SYSTEM } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import { changeKeyAndDescendants } from "../core/keys/descendants.ts";
import type { KeyId } from "../core/keys/model.ts";
import { Refusal } from "../core/refusal.ts";
import { rotate, rotationAuthor } from "../core/rotation/rotate.ts";
import { admittedKey } from "./admitted-key.ts";
import { revokeByStatement } from "../core/revocation/revoke-by-statement.ts";
import type { RevocationStatement } from "../core/revocation/statement.ts";
import { createResourceServerChanges } from "./test-changes.ts";
import type { Store, StoreTransaction } from "../core/store/store.ts";
import { createSystemClock } from "../platform/clock.ts";
import { createSystemRandom } from "../platform/random.ts";
import type { RaceTask, WorkerData } from "./race-stores.ts";
import { until } from "../../../../test/testkit/eventually.ts";

/** One contestant: opens its own connection, waits for the others, runs its task and reports the outcome. */
const { opener, task, contestant, gate, contestants } = workerData as WorkerData;
const module = (await import(opener.module)) as Record<string, (location: string) => Promise<Store>>;
const open = module[opener.export];
if (open === undefined) throw new Error(`${opener.module} has no ${opener.export}`);

/** No worker begins before all have arrived. */
function waitForTheOthers(): void {
  const arrived = new Int32Array(gate);
  Atomics.add(arrived, 0, 1);
  Atomics.notify(arrived, 0);
  for (let seen = Atomics.load(arrived, 0); seen < contestants; seen = Atomics.load(arrived, 0)) {
    if (Atomics.wait(arrived, 0, seen, 10_000) === "timed-out") throw new Error("the others didn't come");
  }
}

async function run(work: () => Promise<unknown>): Promise<string> {
  try {
    const words = await work();
    return typeof words === "string" ? words : "done";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    return `failed: ${String(error)}`;
  }
}

function ifLocked(error: unknown): false {
  if (error instanceof Refusal && error.cause instanceof Error && error.cause.message === "database is locked") {
    return false;
  }
  throw error;
}

async function revoke(statement: RevocationStatement): Promise<string> {
  const commit = createCommit(store, createSystemClock());
  const { result } = await commit((tx) => revokeByStatement(tx, statement), { author: SYSTEM });
  return `revoked ${result.keys.length}`;
}

async function rotateIn(from: KeyId, text: string): Promise<string> {
  const challenge = (name: string) => ({ hash: `${name} of ${text}`, expiresAtMs: 4e12 });
  const rotation = {
    from,
    assertion: challenge("assertion"),
    proof: { challenge: challenge("nonce") },
    admitted: admittedKey(text),
    label: undefined,
    overlapSeconds: 60,
  };
  await createCommit(store, createSystemClock())((tx) => rotate(tx, rotation), { author: rotationAuthor(from) });
  return "rotated";
}

async function stopWithDescendants(keyId: KeyId): Promise<string> {
  const commit = createCommit(store, createSystemClock());
  const { result } = await commit((tx) => changeKeyAndDescendants(tx, keyId, { status: "deactivated" }, true), {
    author: SYSTEM,
  });
  return `stopped ${result.changed.length}`;
}

async function once(use: (transaction: StoreTransaction) => Promise<boolean>): Promise<string> {
  return (await store.transaction(use)) ? "first" : "again";
}

/** The task's steps, in order. */
function stepsOf(work: RaceTask, changes: RegistryChanges): readonly (() => Promise<unknown>)[] {
  const actor = `contestant:${contestant}`;
  switch (work.kind) {
    case "open":
      return [() => Promise.resolve()];
    case "createAccount":
      return [() => changes.createAccount(actor, { shortname: work.shortname })];
    case "appendEvents":
      return Array.from(
        { length: work.count },
        (_, step) => () => changes.createAccount(actor, { shortname: `c${contestant}-${step}` }),
      );
    case "addKey":
      return [
        () =>
          changes.addKey(actor, {
            username: work.username,
            text: work.texts[contestant] ?? "",
            proof: work.challenge && { challenge: work.challenge },
          }),
      ];
    case "addKeys":
      return work.texts.map((_, step) => {
        const at = (contestant + step) % work.texts.length;
        const username = work.usernames[at % work.usernames.length] ?? "";
        return () => changes.addKey(actor, { username, text: work.texts[at] ?? "" });
      });
    case "ensureSigningKey":
      return [() => changes.ensureSigningKey(actor, Buffer.alloc(32, contestant + 1))];
    case "revokeOrActivate":
      return contestant === 0
        ? [() => changes.revokeKey(actor, work.keyId)]
        : [() => changes.setKeyStanding(actor, work.keyId, "active")];
    case "revokeByStatement":
      return [() => revoke(work.statement)];
    case "revokeByStatementOrActivate":
      return contestant === 0
        ? [() => revoke(work.statement)]
        : [() => changes.setKeyStanding(actor, work.keyId, "active")];
    case "rotateTwice":
      return [() => rotateIn(work.keyId, work.text)];
    case "rotateOrStop":
      return [() => (contestant === 0 ? rotateIn(work.keyId, work.text) : stopWithDescendants(work.keyId))];
    case "createResourceServer": {
      const servers = createResourceServerChanges(store, createSystemClock(), createSystemRandom());
      return [() => servers.create(actor, work.name)];
    }
    case "insertRevokedToken":
      return [
        async () =>
          (await store.transaction((transaction) => transaction.revokedTokens.insert(work.token))) ? "first" : "again",
      ];
    case "recordUsage":
      return Array.from({ length: work.flushes }, (_, flush) => async () => {
        // Each contestant lists keys and hours in an order of its own.
        const ordered = <Item>(items: readonly Item[]) => (contestant % 2 === 0 ? items : items.toReversed());
        const usage = ordered(work.keyIds).map((keyId) => ({
          keyId,
          lastUsedAtMs: flush,
          tokensByHour: new Map(ordered(work.hours).map((hour) => [hour, 1])),
          tokensByExpiry: new Map(ordered(work.hours).map((hour) => [hour + 600, 1])),
        }));
        // SQLite doesn't wait for another writer here; the next flush is the next try.
        await until(() => store.usage.record(usage).then(() => true, ifLocked));
      });
    case "removeExpired": {
      const before = {
        expiredBeforeSeconds: 1000,
        usageBeforeSeconds: 0,
        userRefusalsBeforeSeconds: 0,
        creationsBeforeMs: 0,
        sessionsBegunBeforeMs: 0,
        sessionsSeenBeforeMs: 0,
        unseenForMs: 3_600_000,
      };
      return Array.from({ length: 20 }, () => async () => String(await store.removeExpired(before, work.limit)));
    }
    case "insertFirstOwner":
      return [
        () =>
          store.transaction(async (transaction) => {
            if ((await transaction.operators.count()) > 0) return "again";
            await transaction.operators.insert({
              email: `${contestant}@example.com`,
              role: "owner",
              accountId: null,
              passwordHash: null,
              federated: null,
              createdAtMs: 1,
            });
            return "first";
          }),
      ];
    case "useChallenges":
      return work.hashes.map(
        (hash) => () => once((transaction) => transaction.challenges.use({ hash, expiresAtMs: 1_000_000 })),
      );
    case "useRecoveryCodes":
      return work.hashes.map(
        (hash) => () => once((transaction) => transaction.recoveryCodes.use(work.operatorId, hash)),
      );
    case "useInvitations":
      return work.hashes.map(
        (hash) => () =>
          once(async (transaction) => {
            const invitation = await transaction.invitations.findBySecret(hash);
            return invitation !== undefined && (await transaction.invitations.delete(invitation.id));
          }),
      );
    case "useAssertions":
      return work.batches.map((jtis) => async () => {
        const assertions = jtis.map((jtiHash) => ({ userId: work.userId, jtiHash, expiresAtSeconds: 1000 }));
        return (await store.assertions.use(assertions)).join(" ");
      });
    default:
      throw new Error("there is no such task");
  }
}

if (task.kind === "open") waitForTheOthers();
const store = await open(opener.location);
if (task.kind !== "open") waitForTheOthers();
const outcomes: string[] = [];
for (const step of stepsOf(task, createRegistryChanges(store, createSystemClock()))) outcomes.push(await run(step));
await store.close();
parentPort?.postMessage(outcomes);
