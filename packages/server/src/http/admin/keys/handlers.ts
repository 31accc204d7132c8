/** Public keys in the admin API. What a key is, and which are admitted, is in core/keys. */
import { keyChallengeJson } from "../../../core/json/key-challenge.ts";
import type { KeyProofs } from "../../../core/key-statements/key-proofs.ts";
import { keyJson } from "../../../core/json/registry.ts";
import { parsePublicKey } from "../../../core/keys/admission.ts";
import type { AdmitKey } from "../../../core/keys/admit-key.ts";
import { addKey, loadKey as loadKeyAgain } from "../../../core/keys/changes.ts";
import { changeKeyAndDescendants, liveDescendantsMessage } from "../../../core/keys/descendants.ts";
import { requireKnownAddresses } from "../../../core/networks.ts";
import { keysNeedingKid, needsKidMessage } from "../../../core/assertion/keys-needing-kid.ts";
import { fieldRefusal } from "../../../core/refusal.ts";
import { keyOrder, keyPlace } from "../../../core/keys/key-list.ts";
import type { KeyFilter } from "../../../core/keys/store.ts";
import { canSee } from "../../../core/operators/authorize.ts";
import type { Page } from "../../../core/store/page.ts";
import type { KeyId, PublicKey } from "../../../core/keys/model.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import { type CursorOrder, isReversed, listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { parseTime } from "../http/schema.ts";
import { parseSpan } from "../http/span.ts";
import { loadUser } from "../users/load-user.ts";
import { loadKey } from "./load-key.ts";
import type { keyRoutes } from "./routes.ts";
import type { WarningItem } from "@countersign/protocol";
import { changeableOf } from "../http/schema.ts";
import { KeyPatch } from "./schemas.ts";

const CHANGEABLE = changeableOf(KeyPatch);

export interface KeyHandlerDependencies extends RegistryHandlerDependencies {
  readonly admitKey: AdmitKey;
  readonly keyProofs: KeyProofs;
}

export function createKeyHandlers(dependencies: KeyHandlerDependencies): HandlersOf<typeof keyRoutes> {
  const { store, clock, commit, admitKey, unnamedProxy, keyProofs } = dependencies;
  const shownKey = (key: PublicKey) => keyJson(key, clock.wallMs());

  return {
    async listAllKeys({ principal, query, target }) {
      const { account: shortname, username, status, weak } = query;
      const nowMs = clock.wallMs();
      const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
      // An account that doesn't exist, or that the caller can't see, has no keys.
      const isElsewhere = shortname !== undefined && (account === undefined || !canSee(principal, account.id));
      const user = username === undefined ? undefined : await loadUser(dependencies, principal, username);
      const filter: KeyFilter = {
        status,
        userId: user?.id,
        accountId: account?.id ?? principal.accountId ?? undefined,
        expiringUntilMs: query.expiring === undefined ? undefined : nowMs + parseSpan("expiring", query.expiring),
        unusedSinceMs: query.unused === undefined ? undefined : nowMs - parseSpan("unused", query.unused),
        isWeak: weak === undefined ? undefined : true,
      };
      const order = keyOrder(filter);
      const listOrder: CursorOrder =
        order === "newest"
          ? { kinds: ["number"], isReversed: isReversed(query, "descending") }
          : { name: order, kinds: ["number", "number"], isReversed: isReversed(query, "ascending") };
      const request = parsePage(query, listOrder);
      const listed: Page<PublicKey> = isElsewhere
        ? { items: [], hasNext: false, hasPrevious: false, count: 0, before: 0 }
        : await store.keys.pageAll(filter, nowMs, request);
      return listOf(listed, target, keyPlace(filter), shownKey, listOrder);
    },

    async listKeys({ principal, params, query, target }) {
      const user = await loadUser(dependencies, principal, params.username);
      const page = await store.keys.page(user.id, parsePage(query));
      return listOf(page, target, (key) => [key.id], shownKey);
    },

    async addKey({ principal, params: { username }, body, idempotencyKey }) {
      // The text first: a caller who sends a private key must learn that, whatever else is wrong.
      const parsed = parsePublicKey(body.public_key);
      await loadUser(dependencies, principal, username);
      const proof = await keyProofs.check({ text: body.proof, key: parsed, username });
      const admitted = await admitKey(parsed, principal.actor);
      const { expires_at: expiresAt, expires_in_seconds: expiresInSeconds } = body;
      if (typeof expiresAt === "string" && expiresInSeconds !== undefined) {
        throw fieldRefusal("field_invalid", "Give expires_at or expires_in_seconds, not both.", "expires_in_seconds");
      }
      const expiresAtMs = typeof expiresAt === "string" ? parseTime(expiresAt) : undefined;
      const expiresInMs = expiresInSeconds === undefined ? undefined : expiresInSeconds * 1000;
      requireKnownAddresses(body.networks, [], unnamedProxy);
      const newKey = {
        username,
        admitted,
        label: body.label,
        expiresAtMs,
        expiresInMs,
        networks: body.networks,
        proof,
      };
      const { result: key, isRepeated } = await commit((tx) => addKey(tx, newKey), {
        author: principal,
        once: {
          key: idempotencyKey,
          request: ["addKey", username, body],
          kind: "key",
          idOf: ({ id }) => id,
          again: (tx, id) => loadKeyAgain(tx, id as KeyId),
        },
      });
      return {
        data: shownKey(key),
        etag: entityTags.key(key),
        location: `/keys/${key.id}`,
        isRepeated,
        warnings: await kidWarnings(key),
      };
    },

    async createKeyChallenge({ principal, params: { username } }) {
      await loadUser(dependencies, principal, username);
      return { data: keyChallengeJson(keyProofs, keyProofs.makeChallenge(), username) };
    },

    async inspectKey({ principal, body }) {
      const { fingerprint, thumbprint, bits } = await admitKey(parsePublicKey(body.public_key), principal.actor);
      return { data: { fingerprint, thumbprint, bits } };
    },

    async getKey({ principal, params }) {
      const key = await loadKey(store, principal, params.id);
      return { data: shownKey(key), etag: entityTags.key(key) };
    },

    async listKeyDescendants({ principal, params, query, target }) {
      const key = await loadKey(store, principal, params.id);
      const page = await store.keys.pageDescendants(key.id, parsePage(query));
      return listOf(page, target, ({ id }) => [id], shownKey);
    },

    async changeKey({ principal, params: { id }, query, body, preconditions }) {
      const before = await loadKey(store, principal, id);
      // An active key past its expiry is shown as expired. A client may send that back; it can't set it.
      const writable = body.status === "expired" ? CHANGEABLE.filter((member) => member !== "status") : CHANGEABLE;
      requireUnchanged(body, shownKey(before), writable);
      const keyId = id as KeyId;
      const { status, label, expires_at: expiresAt, networks } = body;
      requireKnownAddresses(networks, before.networks, unnamedProxy);
      const patch = {
        status: status === "expired" ? undefined : status,
        label,
        networks,
        expiresAtMs: typeof expiresAt === "string" ? parseTime(expiresAt) : expiresAt,
      };
      const withDescendants = query.with_descendants === true;
      const { result } = await commit((tx) => changeKeyAndDescendants(tx, keyId, patch, withDescendants), {
        author: principal,
        ifMatch: { ...preconditions, currentTag: async (tx) => entityTags.key(await loadKeyAgain(tx, keyId)) },
      });
      const { key, live } = result;
      const warnings = [...(await kidWarnings(key)), ...descendantWarnings(keyId, live)];
      return { data: shownKey(key), etag: entityTags.key(key), warnings };
    },
  };

  function descendantWarnings(keyId: KeyId, live: readonly PublicKey[]): readonly WarningItem[] {
    return live.length === 0 ? [] : [{ code: "key_has_descendants", message: liveDescendantsMessage(keyId, live) }];
  }

  async function kidWarnings(key: PublicKey): Promise<readonly WarningItem[]> {
    const needing = keysNeedingKid(key, await store.keys.list(key.userId), clock.wallMs());
    return needing.length === 0 ? [] : [{ code: "key_needs_kid", message: needsKidMessage(needing) }];
  }
}
