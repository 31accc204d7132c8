import type { Access } from "@countersign/protocol";
import { type AccountPatch, changeAccount, createAccount } from "../core/accounts/changes.ts";
import { type ChangeTx, unrestrictedAuthor } from "../core/change/change-tx.ts";
import { type Commit, createCommit } from "../core/change/commit.ts";
import { addKey, changeKey, type KeyPatch, type NewKey } from "../core/keys/changes.ts";
import type { KeyId } from "../core/keys/model.ts";
import {
  changeResourceServer,
  createResourceServer,
  rotateResourceServerSecret,
} from "../core/resource-servers/changes.ts";
import {
  activateSigningKey,
  bindSigningKeyToStore,
  ensureSigningKey,
  retireSigningKey,
  rotateSigningKey,
} from "../core/signing-keys/changes.ts";
import { admittedKey } from "./admitted-key.ts";
import type { Standing } from "../core/standing.ts";
import type { Store } from "../core/store/store.ts";
import type { Clock, Random } from "../core/surroundings.ts";
import { changeUser, createUser, type UserPatch } from "../core/users/changes.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";

/** Changes of accounts, API users and keys, each committed by itself, as the given actor. */
export type RegistryChanges = ReturnType<typeof registryChangesOf>;
export type ResourceServerChanges = ReturnType<typeof createResourceServerChanges>;
export type SigningKeyChanges = ReturnType<typeof createSigningKeyChanges>;

type Transactions = Pick<Store, "transaction">;
type OnChanged = () => Promise<void>;

/** A new key, as a text. */
type NewKeyText = Omit<NewKey, "admitted" | "proof"> & Partial<Pick<NewKey, "proof">> & { readonly text: string };

export function createRegistryChanges(store: Transactions, clock: Clock, onChanged?: OnChanged) {
  return registryChangesOf(createCommit(store, clock, onChanged));
}

export function registryChangesOf(commit: Commit) {
  const by = committerOf(commit);
  return {
    createAccount: (actor: string, account: { shortname: string; name?: string | undefined }) =>
      by(actor, (tx) => createAccount(tx, account)),
    createUser: (
      actor: string,
      user: { name: string; account: string; access: Access } & Pick<UserPatch, "mayRotate" | "networks">,
    ) => by(actor, (tx) => createUser(tx, user)),
    setAccountStanding: (actor: string, shortname: string, status: Standing) =>
      by(actor, (tx) => changeAccount(tx, shortname, { status })),
    changeAccount: (actor: string, shortname: string, patch: AccountPatch) =>
      by(actor, (tx) => changeAccount(tx, shortname, patch)),
    changeUser: (actor: string, username: string, patch: UserPatch) =>
      by(actor, (tx) => changeUser(tx, username, patch)),
    setUserStanding: (actor: string, username: string, status: Standing) =>
      by(actor, (tx) => changeUser(tx, username, { status })),
    addKey: (actor: string, { text, proof, ...key }: NewKeyText) =>
      by(actor, (tx) => addKey(tx, { ...key, proof, admitted: admittedKey(text) })),
    setKeyStanding: (actor: string, keyId: KeyId, status: Standing) =>
      by(actor, (tx) => changeKey(tx, keyId, { status })),
    changeKey: (actor: string, keyId: KeyId, patch: KeyPatch) => by(actor, (tx) => changeKey(tx, keyId, patch)),
    revokeKey: (actor: string, keyId: KeyId) => by(actor, (tx) => changeKey(tx, keyId, { status: "revoked" })),
    ensureSigningKey: (actor: string, masterSecret: Buffer) => by(actor, (tx) => ensureSigningKey(tx, masterSecret)),
  };
}

export function createResourceServerChanges(store: Transactions, clock: Clock, random: Random, onChanged?: OnChanged) {
  const by = committerOf(createCommit(store, clock, onChanged));
  return {
    create: (actor: string, name: string) => by(actor, (tx) => createResourceServer(tx, name, random)),
    rotate: (actor: string, name: string, graceMs: number) =>
      by(actor, (tx) => rotateResourceServerSecret(tx, name, graceMs, random)),
    setStanding: (actor: string, name: string, status: Standing) =>
      by(actor, (tx) => changeResourceServer(tx, name, { status })),
  };
}

export function createSigningKeyChanges(store: Transactions, clock: Clock, onChanged?: OnChanged) {
  const by = committerOf(createCommit(store, clock, onChanged));
  return {
    rotate: (actor: string, masterSecret: Buffer) => by(actor, (tx) => rotateSigningKey(tx, masterSecret)),
    bindToStore: (actor: string, masterSecrets: readonly [Buffer, ...Buffer[]]) =>
      by(actor, (tx) => bindSigningKeyToStore(tx, masterSecrets)),
    activate: (actor: string) => by(actor, activateSigningKey),
    retire: (actor: string, number: number) => by(actor, (tx) => retireSigningKey(tx, number)),
  };
}

function committerOf(commit: Commit) {
  return async <Result>(actor: string, work: (tx: ChangeTx) => Promise<Result>): Promise<Result> =>
    (await commit(work, { author: unrestrictedAuthor(actor) })).result;
}

/** Creates the API user api-1-demo of the account acme with one key, Alice's. */
export async function createDemoUser(changes: Pick<RegistryChanges, "createAccount" | "createUser" | "addKey">) {
  await changes.createAccount("test", { shortname: "acme" });
  await changes.createUser("test", { name: "demo", account: "acme", access: "full" });
  await changes.addKey("test", { username: "api-1-demo", text: rsaKeyPair("alice").publicPem });
}
