import assert from "node:assert/strict";
import type { KeyId } from "../core/keys/model.ts";
import { Refusal } from "../core/refusal.ts";
import type { ResourceServerId } from "../core/resource-servers/model.ts";
import type { Store } from "../core/store/store.ts";
import type { TokenIdentity } from "../core/token/token-identity.ts";

/** The store's methods that the view and the signing keys call. */
type Read =
  | "users.loadRecord"
  | "users.loadRecordByKey"
  | "resourceServers.load"
  | "revokedTokens.has"
  | "revokedTokens.list"
  | "events.after"
  | "events.last"
  | "signingKeys.list"
  | "changeMarker";

/** A real store that counts its calls, fails on demand, and can delay answers after they were read. */
export interface WatchedStore {
  readonly store: Store;
  /** How often each method was called since the last {@link reset}. */
  calls(method: Read): number;
  reset(): void;
  /** From now on, rejects every call of these methods, and of these only. */
  fail(...methods: readonly Read[]): void;
  /**
   * Delays the answer to the next call of `method`: it reads the store at once, and its answer arrives when `release`
   * is called. `asked` resolves when the store has been read.
   */
  delayNext(method: Read): { readonly asked: Promise<void>; release(): void };
}

export function watchStore(store: Store): WatchedStore {
  const counts = new Map<Read, number>();
  let failing: readonly Read[] = [];
  const delays = new Map<Read, { asked: () => void; released: Promise<void> }>();

  function watch<Arguments extends readonly unknown[], Result>(
    method: Read,
    call: (...parameters: Arguments) => Promise<Result>,
  ) {
    return async (...parameters: Arguments): Promise<Result> => {
      counts.set(method, (counts.get(method) ?? 0) + 1);
      if (failing.includes(method)) throw new Error("the store can't be reached");
      const delayed = delays.get(method);
      delays.delete(method);
      const result = await call(...parameters);
      if (delayed !== undefined) {
        delayed.asked();
        await delayed.released;
      }
      return result;
    };
  }

  return {
    store: {
      ...store,
      users: {
        ...store.users,
        loadRecord: watch("users.loadRecord", (username: string) => store.users.loadRecord(username)),
        loadRecordByKey: watch("users.loadRecordByKey", (keyId: KeyId) => store.users.loadRecordByKey(keyId)),
      },
      resourceServers: {
        ...store.resourceServers,
        load: watch("resourceServers.load", (id: ResourceServerId) => store.resourceServers.load(id)),
      },
      revokedTokens: {
        has: watch("revokedTokens.has", (token: TokenIdentity) => store.revokedTokens.has(token)),
        list: watch("revokedTokens.list", (from: number, after: number, limit: number) =>
          store.revokedTokens.list(from, after, limit),
        ),
      },
      events: {
        ...store.events,
        after: watch("events.after", (seq: number, limit: number) => store.events.after(seq, limit)),
        last: watch("events.last", () => store.events.last()),
      },
      signingKeys: { list: watch("signingKeys.list", () => store.signingKeys.list()) },
      changeMarker: watch("changeMarker", () => store.changeMarker()),
    },
    calls: (method) => counts.get(method) ?? 0,
    reset: () => counts.clear(),
    fail(...methods) {
      failing = methods;
    },
    delayNext(method) {
      const asked = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      delays.set(method, { asked: asked.resolve, released: released.promise });
      return { asked: asked.promise, release: released.resolve };
    },
  };
}

/** Asserts that an answer is the refusal of a question that {@link WatchedStore.fail} left unanswered. */
export async function refusesUnreachable(answer: unknown, message: string): Promise<void> {
  assert.ok(answer instanceof Promise, "the store has to be read");
  await assert.rejects(answer, (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.code, "unavailable");
    assert.equal(error.message, message);
    assert.equal(error.detail.retryAfterSeconds, 1);
    assert.match(String(error.cause), /the store can't be reached/);
    return true;
  });
}
