import type { KeyId } from "../core/keys/model.ts";
import type { ResourceServerId } from "../core/resource-servers/model.ts";
import type { RegistryStore } from "../core/store/store.ts";
import type { TokenIdentity } from "../core/token/token-identity.ts";

/** The store's methods that the view and the signing keys call. */
type Read =
  | "loadUserByName"
  | "loadUserByKey"
  | "loadResourceServer"
  | "isTokenRevoked"
  | "revokedTokens"
  | "eventsAfter"
  | "changeMarker"
  | "lastEvent"
  | "listSigningKeys";

/** A real store that counts what it is asked, fails when told to, and can hold answers back after they were read. */
export interface WatchedStore {
  readonly store: RegistryStore;
  /** How often each method was called since the last {@link reset}. */
  calls(method: Read): number;
  reset(): void;
  /** From now on (until told otherwise) every call of these methods is rejected. */
  fail(...methods: readonly Read[]): void;
  /**
   * Holds back the next call of `method`: it reads the store at once, and its answer arrives when `release` is called.
   * `asked` resolves when the store has been read.
   */
  holdNext(method: Read): { readonly asked: Promise<void>; release(): void };
}

export function watchStore(store: RegistryStore): WatchedStore {
  const counts = new Map<Read, number>();
  let failing: readonly Read[] = [];
  const holds = new Map<Read, { asked: () => void; released: Promise<void> }>();

  function watch<Arguments extends readonly unknown[], Result>(
    method: Read,
    call: (...parameters: Arguments) => Promise<Result>,
  ) {
    return async (...parameters: Arguments): Promise<Result> => {
      counts.set(method, (counts.get(method) ?? 0) + 1);
      if (failing.includes(method)) throw new Error("the store can't be reached");
      const hold = holds.get(method);
      holds.delete(method);
      const result = await call(...parameters);
      if (hold !== undefined) {
        hold.asked();
        await hold.released;
      }
      return result;
    };
  }

  return {
    store: {
      ...store,
      loadUserByName: watch("loadUserByName", (username: string) => store.loadUserByName(username)),
      loadUserByKey: watch("loadUserByKey", (keyId: KeyId) => store.loadUserByKey(keyId)),
      loadResourceServer: watch("loadResourceServer", (id: ResourceServerId) => store.loadResourceServer(id)),
      isTokenRevoked: watch("isTokenRevoked", (token: TokenIdentity) => store.isTokenRevoked(token)),
      revokedTokens: watch("revokedTokens", (from: number, after: number, limit: number) =>
        store.revokedTokens(from, after, limit),
      ),
      eventsAfter: watch("eventsAfter", (seq: number, limit: number) => store.eventsAfter(seq, limit)),
      lastEvent: watch("lastEvent", () => store.lastEvent()),
      listSigningKeys: watch("listSigningKeys", () => store.listSigningKeys()),
      changeMarker: watch("changeMarker", () => store.changeMarker()),
    },
    calls: (method) => counts.get(method) ?? 0,
    reset: () => counts.clear(),
    fail(...methods) {
      failing = methods;
    },
    holdNext(method) {
      const asked = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      holds.set(method, { asked: asked.resolve, released: released.promise });
      return { asked: asked.promise, release: released.resolve };
    },
  };
}
