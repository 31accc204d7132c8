import { createHash } from "node:crypto";
import { CLIENT_ASSERTION_SECONDS_MAX, SKEW_SECONDS_MAX } from "@countersign/protocol";
import type { AssertionStore, UsedAssertion } from "./store.ts";
import { Refusal } from "../refusal.ts";
import type { ApiUserId } from "../users/model.ts";
import type { Clock } from "../surroundings.ts";
import { createWindowCounter } from "../window-counter.ts";

/** How many assertions one user may use within a window, on one node. It bounds the memory for each user. */
export const ASSERTIONS_PER_WINDOW_MAX = 100_000;

/** How long an assertion must be remembered. */
const WINDOW_SECONDS = CLIENT_ASSERTION_SECONDS_MAX + 2 * SKEW_SECONDS_MAX;

/** How many users are counted at a time. Beyond that, the one counted longest ago is forgotten. */
const USERS_MAX = 50_000;

/** How many assertions are written in one statement. */
const BATCH_MAX = 500;

/** Ensures that an assertion is used only once (RFC 7519 §4.1.7, RFC 7523 §3, 7). */
export interface AssertionLedger {
  /**
   * Marks an assertion as used, durably. Call it only after its signature is verified; otherwise an attacker could use up a client's
   * `jti` values.
   *
   * @param expiresAtSeconds the assertion's `exp`; it is remembered until it would be refused as expired
   * @throws {Refusal} `assertion_replayed`, `rate_limited`, or `unavailable` if the store can't be written
   */
  useUp(userId: ApiUserId, jti: string, expiresAtSeconds: number): Promise<void>;
}

interface Waiting {
  readonly assertion: UsedAssertion;
  readonly resolve: (isFirstUse: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes the ledger of a node. It is kept in the store, so that it applies on every node and after a restart. While one batch is
 * being written, the next one is collected, because a commit costs about the same for one assertion as for hundreds.
 */
export function createAssertionLedger(assertions: AssertionStore, clock: Clock): AssertionLedger {
  const used = createWindowCounter<ApiUserId>(WINDOW_SECONDS, USERS_MAX);
  let waiting: Waiting[] = [];
  let isWriting = false;

  async function write(): Promise<void> {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX);
      waiting = waiting.slice(BATCH_MAX);
      try {
        const firstUses = await assertions.use(batch.map(({ assertion }) => assertion));
        for (const [index, { resolve }] of batch.entries()) resolve(firstUses[index] === true);
      } catch (error) {
        const failed = [...batch];
        // If the store is unavailable, fail the collected requests too, so that no request waits for two deadlines.
        if (error instanceof Refusal) failed.push(...waiting.splice(0));
        for (const { reject } of failed) reject(error);
      }
    }
    isWriting = false;
  }

  function isFirstUse(assertion: UsedAssertion): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    waiting.push({ assertion, resolve, reject });
    if (!isWriting) void write();
    return promise;
  }

  function count(userId: ApiUserId): void {
    const nowMs = clock.monotonicMs();
    const window = used.find(userId, nowMs);
    if (window !== undefined && window.count >= ASSERTIONS_PER_WINDOW_MAX) {
      throw new Refusal(
        "rate_limited",
        `The client has used ${ASSERTIONS_PER_WINDOW_MAX} assertions within about an hour.`,
        {
          hint: "Keep a token until it is about to expire, instead of asking for one with each request.",
          retryAfterSeconds: Math.ceil((window.endsAtMs - nowMs) / 1000),
        },
      );
    }
    used.add(userId, nowMs);
  }

  return {
    async useUp(userId, jti, expiresAtSeconds) {
      count(userId);
      const assertion = {
        userId,
        jtiHash: createHash("sha256").update(jti).digest("base64url"),
        // Rounded up: from exp and its leeway on, equality included, the assertion is refused as expired.
        expiresAtSeconds: Math.ceil(expiresAtSeconds) + SKEW_SECONDS_MAX,
      };
      let first: boolean;
      try {
        first = await isFirstUse(assertion);
      } catch (cause) {
        throw new Refusal("unavailable", "The used assertions can't be noted right now.", {
          cause,
          retryAfterSeconds: 1,
        });
      }
      if (first) return;
      throw new Refusal("assertion_replayed", "An assertion with this jti was used before.", {
        hint: "Sign a new assertion, with a new random jti, for each request. A retry needs a new one too.",
      });
    },
  };
}
