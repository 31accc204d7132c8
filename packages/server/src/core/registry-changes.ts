import type { Access } from "@countersign/protocol";
import type { Clock } from "./surroundings.ts";
import { MASTER_SECRET_BYTES, masterSecretFingerprint } from "./signing-keys/signing-keys.ts";
import type { UnchainedEvent } from "./feed/audit-chain.ts";
import type { AuditAction } from "./feed/event.ts";
import { createChange } from "./change/change.ts";
import { checkExpiry } from "./expiry.ts";
import { admitPublicKey } from "./keys/admission.ts";
import type { Account, AccountId } from "./accounts/model.ts";
import type { ApiUser } from "./users/model.ts";
import type { KeyId, KeyStatus, PublicKey } from "./keys/model.ts";
import type { Standing } from "./standing.ts";
import { checkDisplayText, checkName, printable } from "./names.ts";
import { fieldRefusal, Refusal } from "./refusal.ts";
import type { Store, StoreTransaction } from "./store/store.ts";

/** The most keys of one user that aren't revoked. Each may cost a signature check per assertion. */
export const USABLE_KEYS_PER_USER_MAX = 20;

/**
 * Every change to the registry. Each is one transaction that also appends the audit event, so that no change is without
 * its event and no event without its change; when the promise resolves, the change is durable.
 *
 * All reject with {@link Refusal} (`not_found`, `conflict`, `field_invalid`), and then nothing was changed. Another error may
 * come after the commit, where the store can't be read any more: the change is then durable, but not acknowledged.
 */
export interface RegistryChanges {
  createAccount(actor: string, account: { shortname: string; name?: string | undefined }): Promise<Account>;
  createUser(actor: string, user: { name: string; account: string; access: Access }): Promise<ApiUser>;
  setAccountStanding(actor: string, shortname: string, standing: Standing): Promise<Account>;
  setUserStanding(actor: string, username: string, standing: Standing): Promise<ApiUser>;
  /** Admits a public key, see {@link admitPublicKey}. A key that was revoked under any user whom the author knows of stays out. */
  addKey(actor: string, key: NewKey): Promise<PublicKey>;
  setKeyStanding(actor: string, keyId: KeyId, standing: Standing): Promise<PublicKey>;
  /** Changes what is given, all of it or nothing. A revoked key keeps its status and expiry. */
  changeKey(actor: string, keyId: KeyId, changed: KeyChange): Promise<PublicKey>;
  /** Deactivates a key for good. */
  revokeKey(actor: string, keyId: KeyId): Promise<PublicKey>;
  /** Makes sure that the store has a signing key; the first start of a store creates number 1. */
  ensureSigningKey(actor: string, masterSecret: Buffer): Promise<void>;
}

/** A public key to add. `expiresInMs` counts from now, `expiresAtMs` from the epoch; at most one of them is given. */
export interface NewKey {
  readonly username: string;
  readonly text: string;
  readonly label?: string | undefined;
  readonly expiresInMs?: number | undefined;
  readonly expiresAtMs?: number | null | undefined;
  /** Which accounts the author knows of; all, unless given. A refusal would tell that the key was revoked in another. */
  readonly knows?: ((accountId: AccountId) => boolean) | undefined;
}

/** What is to be different about a key. */
export interface KeyChange {
  readonly status?: KeyStatus | undefined;
  /** `null`: none. */
  readonly label?: string | null | undefined;
  /** `null`: never. In milliseconds since the epoch. */
  readonly expiresAtMs?: number | null | undefined;
}

const KEY_ACTIONS = {
  active: "key.activated",
  deactivated: "key.deactivated",
  revoked: "key.revoked",
} as const satisfies Record<KeyStatus, AuditAction>;

/** @param onChanged awaited after each commit and before the change is acknowledged; the server evicts its view there */
export function createRegistryChanges(
  store: Pick<Store, "transaction">,
  clock: Clock,
  onChanged: () => Promise<void> = () => Promise.resolve(),
): RegistryChanges {
  const change = createChange(store, onChanged);

  function event(
    actor: string,
    action: AuditAction,
    subject: string,
    accountId: AccountId | undefined,
    details: UnchainedEvent["details"] = {},
  ): UnchainedEvent {
    return { atMs: clock.wallMs(), actor, action, subject, details, accountId };
  }

  async function changeKey(actor: string, keyId: KeyId, { status, label, expiresAtMs }: KeyChange) {
    if (typeof label === "string") checkDisplayText("label", label);
    return change(async (transaction) => {
      const key = await transaction.keys.find(keyId);
      if (key === undefined) throw new Refusal("not_found", `There is no key ${keyId}.`);
      const changed = {
        status: status ?? key.status,
        label: label === undefined ? key.label : label,
        expiresAtMs: expiresAtMs === undefined ? key.expiresAtMs : expiresAtMs,
      };
      const isOtherExpiry = changed.expiresAtMs !== key.expiresAtMs;
      if (key.status === "revoked" && (changed.status !== "revoked" || isOtherExpiry)) {
        throw new Refusal("conflict", `Key ${keyId} is revoked, and revoking can't be undone. Add a new key instead.`);
      }
      if (isOtherExpiry) checkExpiry("The key's expiry", changed.expiresAtMs, clock.wallMs());
      const accountId = (await transaction.users.find(key.username))?.accountId;
      const append = (action: AuditAction, details: UnchainedEvent["details"] = {}) =>
        transaction.events.append(
          event(actor, action, `key:${keyId}`, accountId, {
            username: key.username,
            fingerprint: key.fingerprint,
            ...details,
          }),
        );
      if (changed.status !== key.status) {
        await transaction.keys.setStatus(keyId, changed.status);
        await append(KEY_ACTIONS[changed.status]);
      }
      if (changed.label !== key.label || isOtherExpiry) {
        const { label: newLabel, expiresAtMs: newExpiry } = changed;
        await transaction.keys.update(keyId, { label: newLabel, expiresAtMs: newExpiry });
        await append("key.changed", { label: newLabel, expires_at_ms: newExpiry });
      }
      return { ...key, ...changed };
    });
  }

  return {
    createAccount(actor, { shortname, name = shortname }) {
      checkName("shortname", shortname);
      checkDisplayText("name", name);
      return change(async (transaction) => {
        if ((await transaction.accounts.find(shortname)) !== undefined) {
          throw fieldRefusal("conflict", `The account ${shortname} exists already.`, "shortname");
        }
        const account = await transaction.accounts.insert({ shortname, name, createdAtMs: clock.wallMs() });
        await transaction.events.append(
          event(actor, "account.created", `account:${account.id}`, account.id, { shortname, name }),
        );
        return account;
      });
    },

    createUser(actor, { name, account: shortname, access }) {
      checkName("name", name);
      return change(async (transaction) => {
        const account = await loadAccount(transaction, shortname);
        if ((await transaction.users.find(usernameOf(account, name))) !== undefined) {
          throw fieldRefusal("conflict", `The API user ${usernameOf(account, name)} exists already.`, "name");
        }
        const user = await transaction.users.insert({ account, name, access, createdAtMs: clock.wallMs() });
        await transaction.events.append(
          event(actor, "user.created", `user:${user.id}`, account.id, {
            username: user.username,
            account: shortname,
            access,
          }),
        );
        return user;
      });
    },

    setAccountStanding(actor, shortname, standing) {
      return change(async (transaction) => {
        const account = await loadAccount(transaction, shortname);
        if (account.status === standing) return account;
        await transaction.accounts.setStatus(account.id, standing);
        const action = standing === "active" ? "account.activated" : "account.deactivated";
        await transaction.events.append(event(actor, action, `account:${account.id}`, account.id, { shortname }));
        return { ...account, status: standing };
      });
    },

    setUserStanding(actor, username, standing) {
      return change(async (transaction) => {
        const user = await loadUser(transaction, username);
        if (user.status === standing) return user;
        await transaction.users.setStatus(user.id, standing);
        const action = standing === "active" ? "user.activated" : "user.deactivated";
        await transaction.events.append(event(actor, action, `user:${user.id}`, user.accountId, { username }));
        return { ...user, status: standing };
      });
    },

    addKey(actor, { username, text, label, expiresInMs, expiresAtMs: expiresAtMsGiven = null, knows = () => true }) {
      // The text first: whoever sends a private key must learn it whatever else is wrong.
      const admitted = admitPublicKey(text);
      if (label !== undefined) checkDisplayText("label", label);
      return change(async (transaction) => {
        const createdAtMs = clock.wallMs();
        const expiresAtMs = expiresInMs === undefined ? expiresAtMsGiven : createdAtMs + expiresInMs;
        checkExpiry("The key's expiry", expiresAtMs, createdAtMs);
        const user = await loadUser(transaction, username);
        for (const other of await transaction.keys.findByThumbprint(admitted.thumbprint)) {
          if (other.status === "revoked" && (await isKnown(transaction, other, knows))) {
            throw fieldRefusal(
              "conflict",
              `This key was revoked (key ${other.id}); a revoked key can't be added again.`,
              "public_key",
            );
          }
          if (other.userId === user.id) {
            throw fieldRefusal("conflict", `${username} has this key already: key ${other.id}.`, "public_key");
          }
        }
        if ((await transaction.keys.countUsable(user.id)) >= USABLE_KEYS_PER_USER_MAX) {
          throw new Refusal(
            "conflict",
            `${username} has ${USABLE_KEYS_PER_USER_MAX} keys that aren't revoked, the most there may be. Revoke one first.`,
          );
        }
        const id = await transaction.keys.insert({
          ...admitted,
          userId: user.id,
          label: label ?? null,
          createdAtMs,
          expiresAtMs,
        });
        await transaction.events.append(
          event(actor, "key.added", `key:${id}`, user.accountId, {
            username,
            fingerprint: admitted.fingerprint,
            bits: admitted.bits,
            expires_at_ms: expiresAtMs,
          }),
        );
        const key = await transaction.keys.find(id);
        if (key === undefined) throw new Error("a key that was just inserted is missing");
        return key;
      });
    },

    setKeyStanding: (actor, keyId, standing) => changeKey(actor, keyId, { status: standing }),
    changeKey,
    revokeKey: (actor, keyId) => changeKey(actor, keyId, { status: "revoked" }),

    ensureSigningKey(actor, masterSecret) {
      if (masterSecret.length !== MASTER_SECRET_BYTES) throw new Error("a master secret has 32 bytes");
      return change(async (transaction) => {
        if ((await transaction.signingKeys.list()).length > 0) return;
        const masterFingerprint = masterSecretFingerprint(masterSecret, await transaction.storeId());
        await transaction.signingKeys.insert({
          number: 1,
          masterFingerprint,
          createdAtMs: clock.wallMs(),
          activatedAtMs: clock.wallMs(),
          retiredAtMs: null,
        });
        await transaction.events.append(
          event(actor, "signing_key.created", "signing_key:1", undefined, { master_fingerprint: masterFingerprint }),
        );
      });
    },
  };
}

/** What an API user of that name in that account signs as. */
export function usernameOf(account: Pick<Account, "id">, name: string): string {
  return `api-${account.id}-${name}`;
}

async function isKnown(
  transaction: StoreTransaction,
  { username }: PublicKey,
  knows: NonNullable<NewKey["knows"]>,
): Promise<boolean> {
  const user = await transaction.users.find(username);
  return user === undefined || knows(user.accountId);
}

async function loadAccount(transaction: StoreTransaction, shortname: string): Promise<Account> {
  const account = await transaction.accounts.find(shortname);
  if (account === undefined) {
    throw new Refusal(
      "not_found",
      `There is no account ${printable(shortname)}. countersign account create makes one.`,
    );
  }
  return account;
}

async function loadUser(transaction: StoreTransaction, username: string): Promise<ApiUser> {
  const user = await transaction.users.find(username);
  if (user === undefined) throw new Refusal("not_found", `There is no API user ${printable(username)}.`);
  return user;
}
