import type { OpenChallenge } from "../core/challenges/store.ts";
import { Worker } from "node:worker_threads";
import type { OperatorId } from "../core/operators/model.ts";
import type { ApiUserId } from "../core/users/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { RevocationStatement } from "../core/revocation/statement.ts";
import type { RevokedToken } from "../core/token/store.ts";

/** How another thread opens the same store: `module` exports under `export` a function that takes `location`. */
export interface StoreOpener {
  readonly module: string;
  readonly export: string;
  readonly location: string;
}

/** The task that all contestants run at once, each on a connection of its own. */
export type RaceTask =
  | { readonly kind: "open" }
  | { readonly kind: "createAccount"; readonly shortname: string }
  | { readonly kind: "appendEvents"; readonly count: number }
  | {
      readonly kind: "addKey";
      readonly username: string;
      readonly texts: readonly string[];
      /** The challenge of each key's proof. */
      readonly challenge?: OpenChallenge;
    }
  /** Each contestant adds each of the texts, beginning with another one. */
  | { readonly kind: "addKeys"; readonly usernames: readonly string[]; readonly texts: readonly string[] }
  | { readonly kind: "ensureSigningKey" }
  | { readonly kind: "revokeOrActivate"; readonly keyId: KeyId }
  | { readonly kind: "revokeByStatement"; readonly statement: RevocationStatement }
  | {
      readonly kind: "revokeByStatementOrActivate";
      readonly keyId: KeyId;
      readonly statement: RevocationStatement;
    }
  | { readonly kind: "rotateOrStop" | "rotateTwice"; readonly keyId: KeyId; readonly text: string }
  | { readonly kind: "createResourceServer"; readonly name: string }
  | { readonly kind: "insertRevokedToken"; readonly token: RevokedToken }
  | {
      readonly kind: "recordUsage";
      readonly keyIds: readonly KeyId[];
      readonly hours: readonly number[];
      readonly flushes: number;
    }
  | { readonly kind: "removeExpired"; readonly limit: number }
  | { readonly kind: "insertFirstOwner" }
  | { readonly kind: "useChallenges"; readonly hashes: readonly string[] }
  | { readonly kind: "useRecoveryCodes"; readonly operatorId: OperatorId; readonly hashes: readonly string[] }
  | { readonly kind: "useInvitations"; readonly hashes: readonly string[] }
  | { readonly kind: "useAssertions"; readonly userId: ApiUserId; readonly batches: readonly (readonly string[])[] };

export interface WorkerData {
  readonly opener: StoreOpener;
  readonly task: RaceTask;
  readonly contestant: number;
  readonly contestants: number;
  readonly gate: SharedArrayBuffer;
}

/**
 * Runs the task on that many connections at once, each in a thread of its own: within one thread, SQLite's calls block,
 * and two connections could never run concurrently.
 *
 * @returns the outcome of each contestant's steps: `done` or the step's own text, a Refusal's code, or `failed: …`
 */
export function raceStores(opener: StoreOpener, contestants: number, task: RaceTask): Promise<readonly string[][]> {
  const gate = new SharedArrayBuffer(4);
  return Promise.all(
    Array.from({ length: contestants }, (_, contestant) => {
      const { promise, resolve, reject } = Promise.withResolvers<string[]>();
      const workerData: WorkerData = { opener, task, contestant, contestants, gate };
      const worker = new Worker(new URL("./store-worker.ts", import.meta.url), { workerData });
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error(`contestant ${contestant} ended without an answer`)));
      return promise;
    }),
  );
}
