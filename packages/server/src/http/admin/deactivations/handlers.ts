/** Deactivating many API users or keys in one request. Each is the change that its own route makes, in a commit of its own. */
import { changeKeyAndDescendants, liveDescendantsMessage } from "../../../core/keys/descendants.ts";
import type { KeyId } from "../../../core/keys/model.ts";
import { Refusal } from "../../../core/refusal.ts";
import { changeUser } from "../../../core/users/changes.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { notFound, toAdminRefusal } from "../http/refusals.ts";
import { loadKey } from "../keys/load-key.ts";
import { loadUser } from "../users/load-user.ts";
import type { deactivationRoutes } from "./routes.ts";

interface Outcome {
  readonly outcome: "deactivated" | "unchanged" | "refused";
  readonly code: string | null;
  readonly message: string | null;
}

export function createDeactivationHandlers(
  dependencies: RegistryHandlerDependencies,
): HandlersOf<typeof deactivationRoutes> {
  const { store, commit } = dependencies;
  return {
    async deactivateUsers({ principal, body: { usernames } }) {
      const users = await each(
        usernames,
        async (username) => {
          // What the caller can't see is refused as what doesn't exist. A user never moves to another account.
          await loadUser(dependencies, principal, username);
          const work = commit(
            async (tx) => {
              const before = await tx.users.find(username);
              if (before === undefined) throw notFound();
              await changeUser(tx, username, { status: "deactivated" });
              return outcomeFrom(before.status);
            },
            { author: principal },
          );
          return { username, ...(await work).result };
        },
        (username, refused) => ({ username, ...refused }),
      );
      return { data: { users, refused: countRefused(users) } };
    },

    async deactivateKeys({ principal, body: { ids } }) {
      const deactivated = await each(
        // A key has a higher id than the one that rotated it in. Backwards, no key is reported as active that ends here as well.
        ids.toSorted((a, b) => b - a),
        async (id) => {
          await loadKey(store, principal, id);
          const keyId = id as KeyId;
          const work = commit(
            async (tx) => {
              const before = await tx.keys.find(keyId);
              if (before === undefined) throw notFound();
              const { live } = await changeKeyAndDescendants(tx, keyId, { status: "deactivated" }, false);
              const outcome = outcomeFrom(before.status);
              if (live.length === 0) return outcome;
              return { ...outcome, code: "key_has_descendants", message: liveDescendantsMessage(keyId, live) };
            },
            { author: principal },
          );
          return { id, ...(await work).result };
        },
        (id, refused) => ({ id, ...refused }),
      );
      const keys = deactivated.toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
      return { data: { keys, refused: countRefused(keys) } };
    },
  };
}

function outcomeFrom(before: string): Outcome {
  return { outcome: before === "deactivated" ? "unchanged" : "deactivated", code: null, message: null };
}

function countRefused(results: readonly Outcome[]): number {
  return results.filter(({ outcome }) => outcome === "refused").length;
}

/**
 * Changes one after the other.
 *
 * @throws {Refusal} `unavailable`: the next ones would wait for the same store. What was changed before stays changed, and the request
 *   can be sent again.
 */
async function each<Name, Result>(
  names: readonly Name[],
  change: (name: Name) => Promise<Result>,
  refuse: (name: Name, refused: Outcome) => Result,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const name of names) {
    try {
      results.push(await change(name));
    } catch (error) {
      const refusal = toAdminRefusal(error);
      if (!(refusal instanceof Refusal) || refusal.code === "unavailable") throw error;
      results.push(refuse(name, { outcome: "refused", code: refusal.code, message: refusal.message }));
    }
  }
  return results;
}
