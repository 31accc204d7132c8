import assert from "node:assert/strict";
import type { Role } from "@countersign/protocol";
import { createLastSeen, type LastSeen } from "../core/operators/last-seen.ts";
import { type AuthenticatePrincipal, createAuthenticatePrincipal } from "../core/operators/authenticate.ts";
import { type Challenges, createChallenges } from "../core/operators/challenges.ts";
import { createLinks, type Links, type SignedInByLink } from "../core/operators/links.ts";
import type { Operator } from "../core/operators/model.ts";
import { type Author, unrestrictedAuthor } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import { createOwnCredentials } from "../core/operators/own-credentials.ts";
import { operatorChangesOf, type OperatorChanges, ownChangesOf, type OwnChanges } from "./test-operator-changes.ts";
import { createPasswordHasher } from "../core/operators/password-hash.ts";
import { createSignIn, type SignIn, type SignInDependencies } from "../core/operators/sign-in.ts";
import { createRefusedSignIns, type RefusedSignIns } from "../core/operators/refused-sign-ins.ts";
import { createSignInLimit } from "../core/operators/sign-in-limit.ts";
import { Refusal } from "../core/refusal.ts";
import type { AuditEvent } from "../core/feed/audit-chain.ts";
import { findChainBreak } from "../core/feed/audit-chain.ts";
import type { Store } from "../core/store/store.ts";
import { createPasskeyCeremonies } from "../platform/passkey-ceremonies.ts";
import { createSystemRandom } from "../platform/random.ts";
import { openTestRegistry, type TestRegistry } from "./test-registry.ts";

/** The password of every operator in a test. */
export const TEST_PASSWORD = "correct horse battery staple";

/** Where every operator signs in from. */
export const TEST_PLACE = { address: "192.0.2.1", userAgent: "a browser" } as const;

/** Where every passkey is made. */
export const TEST_ORIGIN = "http://localhost:8081";
export const TEST_PASSKEY_PLACE = { origin: TEST_ORIGIN, relyingParty: "localhost" } as const;

/** An author that can open the store, as the command line does. */
export const ROOT = unrestrictedAuthor("cli:test");

/** The rules for operators, on a store of their own, with the accounts `acme` and `other`. */
export interface TestOperators {
  readonly registry: TestRegistry;
  readonly store: Store;
  readonly dependencies: SignInDependencies;
  readonly challenges: Challenges;
  readonly refused: RefusedSignIns;
  readonly signIn: SignIn;
  readonly links: Links;
  readonly own: OwnChanges;
  readonly changes: OperatorChanges;
  readonly authenticate: AuthenticatePrincipal;
  readonly lastSeen: LastSeen;
  /** Invites an operator, who uses the link with {@link TEST_PASSWORD}. */
  add(email: string, role: Role, account?: string): Promise<SignedInByLink>;
  /** An operator as the author of changes. */
  author(operator: Operator): Author;
  /** The events since the last call, without those of sign-ins; the chain is checked each time. */
  newEvents(): Promise<readonly AuditEvent[]>;
  close(): Promise<void>;
}

export const TEST_MASTER_SECRET = Buffer.alloc(32, 7);

/** @param wrap wraps the store that the rules use */
export async function openTestOperators(wrap: (store: Store) => Store = (store) => store): Promise<TestOperators> {
  const registry = await openTestRegistry();
  const { clock } = registry;
  await registry.changes.createAccount("test", { shortname: "acme" });
  await registry.changes.createAccount("test", { shortname: "other" });
  const store = wrap(registry.store);
  const random = createSystemRandom();
  const challenges = createChallenges([TEST_MASTER_SECRET], clock, random);
  const commit = createCommit(store, clock);
  const refused = createRefusedSignIns(commit);
  const dependencies: SignInDependencies = {
    store,
    clock,
    random,
    commit,
    hasher: createPasswordHasher(random),
    limit: createSignInLimit(store, clock, (email) => challenges.attemptName(email)),
    refused,
    challenges,
    ceremonies: createPasskeyCeremonies(),
  };
  const changes = operatorChangesOf(commit, random);
  const lastSeen = createLastSeen(store);
  const links = createLinks(dependencies);
  let read = (await store.events.last()).seq;
  return {
    registry,
    store,
    dependencies,
    challenges,
    refused,
    signIn: createSignIn(dependencies),
    links,
    own: ownChangesOf(commit, random, createOwnCredentials(dependencies)),
    changes,
    authenticate: createAuthenticatePrincipal(store, clock, lastSeen),
    lastSeen,
    async add(email, role, account) {
      const { secret } = await changes.invite(ROOT, { email, role, account: account ?? null });
      return links.use(secret, { password: TEST_PASSWORD }, undefined, TEST_PLACE);
    },
    author: ({ email, role, accountId, account }) => ({ actor: `operator:${email}`, role, accountId, account }),
    async newEvents() {
      const all = await store.events.after(0, 10_000);
      assert.equal(findChainBreak(all, undefined), undefined);
      const events = all.filter(({ seq, action }) => seq > read && action !== "operator.signed_in");
      read = all.at(-1)?.seq ?? read;
      return events;
    },
    close: () => registry.close(),
  };
}

/** The code of the refusal that a promise rejects with. Any other rejection is a defect, and fails the test. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "accepted";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}
