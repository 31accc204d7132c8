import assert from "node:assert/strict";
import { createPublicKey, generatePrimeSync } from "node:crypto";
import { afterEach, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { publicKeyText } from "../../testing/public-key-text.ts";
import { refusalOf } from "../../testing/refusal-of.ts";
import { type TestDeclaredState, testDeclaredState } from "../../testing/test-declared-state.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { changeAccount, createAccount } from "../accounts/changes.ts";
import { SYSTEM } from "../change/change-tx.ts";
import { createCommit } from "../change/commit.ts";
import { insertKey } from "../../storage/each-store-contract.ts";
import { addKey, changeKey, USABLE_KEYS_PER_USER_MAX } from "../keys/changes.ts";
import { parsePublicKey } from "../keys/admission.ts";
import { keyWeak } from "../keys/key-weak.ts";
import type { KeyId } from "../keys/model.ts";
import { admittedKey } from "../../testing/admitted-key.ts";
import { Refusal } from "../refusal.ts";
import { changeOperator } from "../operators/changes.ts";
import { createResourceServer } from "../resource-servers/changes.ts";
import { createSystemRandom } from "../../platform/random.ts";
import { changeUser, createUser } from "../users/changes.ts";
import type { ApiUserId } from "../users/model.ts";
import { readYaml } from "./read-yaml.ts";

const DAY_MS = 86_400_000;
const pem = (name: string) => rsaKeyPair(name).publicPem;
const fingerprint = (name: string) => parsePublicKey(pem(name)).fingerprint;

let registry: TestRegistry;
let state: TestDeclaredState;
beforeEach(async () => {
  registry = await openTestRegistry();
  state = testDeclaredState(registry.store, registry.clock);
});
afterEach(() => registry.close());

const inFuture = (ms: number) => new Date(registry.clock.wallMs() + ms).toISOString();
const fieldsOf = async (work: Promise<unknown>) => {
  const { code, detail } = await refusalOf(work);
  assert.equal(code, "field_invalid");
  return (detail.fields ?? []).map(({ field }) => field);
};
const lastSeq = async () => (await registry.store.events.last()).seq;
const eventsAfter = async (seq: number) => (await registry.store.events.after(seq, 1000)).map(({ action }) => action);

/** An account with users and keys, written by hand. */
const byHand = (users: readonly object[]) => ({ accounts: [{ shortname: "acme", users }] });

function insertOperator(email: string, role: "viewer" | "admin" | "owner" = "owner", federated = false) {
  return state.commit((tx) =>
    tx.operators.insert({
      email,
      role,
      accountId: null,
      passwordHash: null,
      federated: federated ? { issuer: "https://idp.example", subject: email } : null,
      createdAtMs: 1,
    }),
  );
}

/** Everything that a document can have, as it stands in a real registry. */
async function fill(): Promise<void> {
  await state.commit(async (tx) => {
    await createAccount(tx, { shortname: "acme", name: 'Acme "Ltd": yes' });
    await changeAccount(tx, "acme", { keyAgeMaxSeconds: 86_400 * 400 });
    await createAccount(tx, { shortname: "gone" });
    await createUser(tx, { name: "demo", account: "acme", access: "full", mayRotate: true, networks: ["10.0.0.0/8"] });
    await createUser(tx, { name: "no", account: "acme", access: "read_only" });
    await createUser(tx, { name: "demo", account: "gone", access: "full" });
    for (const [name, label] of Object.entries({ one: "a label 😀", two: undefined, three: "1" })) {
      const admitted = admittedKey(pem(name));
      await addKey(tx, { username: "api-1-demo", admitted, label, proof: undefined, networks: ["2001:db8::/32"] });
    }
    await changeKey(tx, 2 as KeyId, { status: "deactivated" });
    await changeKey(tx, 3 as KeyId, { status: "revoked" });
    await changeUser(tx, "api-1-no", { status: "deactivated" });
    await changeAccount(tx, "gone", { status: "deactivated" });
    await createResourceServer(tx, "orders", createSystemRandom());
  });
  await state.apply({
    webhooks: [
      { url: "https://hooks.example/in?token=x", label: "chat", events: ["key.*", "user.created"], account: "acme" },
      { url: "https://hooks.example/in?token=x", label: "other", status: "deactivated" },
      { url: "https://hooks.example/in?token=x", label: "other" },
    ],
    operators: [
      { email: "alice@example.org", role: "owner" },
      { email: "bob@example.org", role: "admin", account: "acme" },
    ],
  });
}

describe("an export", () => {
  test("applied to an empty registry makes one whose export is equal, in YAML as in JSON", async () => {
    await fill();
    const document = await state.export();
    const { value } = await readYaml(await state.exportYaml());
    assert.deepEqual(JSON.parse(JSON.stringify(value)), document);

    const other = await openTestRegistry(undefined, registry.clock);
    const copy = testDeclaredState(other.store, other.clock);
    // Another id for each account.
    await copy.commit((tx) => createAccount(tx, { shortname: "gone" }));
    const { secrets } = await copy.apply(document);
    assert.deepEqual(await copy.export(), document);
    assert.deepEqual(
      secrets.map(({ kind }) => kind),
      ["resource_server", "webhook", "webhook", "webhook", "operator", "operator"],
    );
    assert.deepEqual(await copy.differences(document, { prune: true }), []);
    await other.close();
  });

  test("differs in nothing from its own registry, and applying it writes no event", async () => {
    await fill();
    const document = await state.export();
    const seq = await lastSeq();
    assert.deepEqual(await state.apply(document, { prune: true }), { count: 0, secrets: [] });
    assert.equal(await lastSeq(), seq);
  });

  test("of one account prunes nothing outside of it, and holds nothing else", async () => {
    await fill();
    const document = await state.export("acme");
    assert.deepEqual(Object.keys(document), ["version", "account", "accounts", "webhooks", "operators"]);
    assert.equal((document["accounts"] as unknown[]).length, 1);
    assert.deepEqual(await state.differences(document, { prune: true }), []);
    const { webhooks: _webhooks, ...rest } = document;
    assert.deepEqual(await state.differences({ ...rest, operators: [] }, { prune: false }), []);
  });

  test("leaves out an archived account, unless it is exported alone: as deactivated, and without a difference", async () => {
    await fill();
    await state.commit((tx) => changeAccount(tx, "acme", { archived: true }));
    const names = (document: Record<string, unknown>) =>
      (document["accounts"] as { shortname: string; status: string }[]).map((each) => [each.shortname, each.status]);
    assert.deepEqual(names(await state.export()), [["gone", "deactivated"]]);
    const alone = await state.export("acme");
    assert.deepEqual(names(alone), [["acme", "deactivated"]]);
    assert.deepEqual(await state.differences(alone, { prune: true }), []);
  });

  test("holds no secret, no hash of one, and no operator who uses single sign-on", async () => {
    await fill();
    await insertOperator("sso@example.org", "admin", true);
    const text = JSON.stringify(await state.export());
    assert.doesNotMatch(text, /csrs_|whsec_|csiv_|sso@|[0-9a-f]{64}/);
    assert.deepEqual(await state.differences(await state.export(), { prune: true }), []);
  });
});

describe("whatever a registry holds", () => {
  const ACCOUNTS = ["a", "b"];
  const NAMES = ["x", "y", "z"];
  const KEYS = ["one", "two", "three", "four"];
  const standing = fc.constantFrom("active", "deactivated");
  const operations = fc.array(
    fc.oneof(
      fc.record({
        at: fc.constant("account"),
        account: fc.constantFrom(...ACCOUNTS),
        status: standing,
        age: fc.constantFrom(null, 3600),
      }),
      fc.record({
        at: fc.constant("user"),
        account: fc.constantFrom(...ACCOUNTS),
        name: fc.constantFrom(...NAMES),
        status: standing,
        may_rotate: fc.boolean(),
        networks: fc.constantFrom([], ["10.0.0.0/8"], ["2001:db8::/32", "192.0.2.1/32"]),
      }),
      fc.record({
        at: fc.constant("key"),
        account: fc.constantFrom(...ACCOUNTS),
        name: fc.constantFrom(...NAMES),
        key: fc.constantFrom(...KEYS),
        label: fc.constantFrom(null, "no", "a: b", "😀", "'"),
        status: fc.constantFrom("active", "deactivated", "revoked"),
      }),
      fc.record({ at: fc.constant("server"), name: fc.constantFrom(...NAMES), status: standing }),
      fc.record({
        at: fc.constant("webhook"),
        path: fc.constantFrom("a", "b"),
        label: fc.constantFrom(null, "l"),
        status: standing,
      }),
    ),
    { minLength: 1, maxLength: 10 },
  );
  type Operation = Readonly<Record<string, unknown>>;

  /** A document that does one thing. */
  function documentOf({ at, account, name, key, path, ...members }: Operation): object {
    if (at === "server") return { resource_servers: [{ name, ...members }] };
    if (at === "webhook") return { webhooks: [{ url: `https://hooks.example/${String(path)}`, ...members }] };
    if (at === "account") return { accounts: [{ shortname: account, ...members }] };
    const keys = [{ public_key: pem(String(key)), ...members }];
    const user = at === "user" ? { name, ...members } : { name, keys };
    return { accounts: [{ shortname: account, users: [user] }] };
  }

  test("applying its export changes nothing, and makes the same of an empty registry", async () => {
    await fc.assert(
      fc.asyncProperty(operations, async (all) => {
        const [first, second] = [await openTestRegistry(), await openTestRegistry()];
        try {
          const source = testDeclaredState(first.store, first.clock);
          for (const operation of all) {
            // Some are refused, such as activating a revoked key.
            await source.apply(documentOf(operation)).catch((error: unknown) => assert.ok(error instanceof Refusal));
          }
          const document = await source.export();
          assert.deepEqual(await source.differences(document, { prune: true }), []);
          const target = testDeclaredState(second.store, second.clock);
          await target.apply(document, { prune: true });
          assert.deepEqual(await target.export(), document);
          assert.deepEqual(await target.differences(document, { prune: true }), []);
        } finally {
          await first.close();
          await second.close();
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe("a document", () => {
  test("is applied in an order in which a new key works before the old one stops, one event for each change", async () => {
    await state.apply(byHand([{ name: "demo", keys: [{ public_key: pem("one") }] }, { name: "old" }]));
    const seq = await lastSeq();
    const next = byHand([{ name: "demo", may_rotate: true, keys: [{ public_key: pem("two"), label: "next" }] }]);
    const { count } = await state.apply(next, { prune: true });
    assert.equal(count, 4);
    assert.deepEqual(await eventsAfter(seq), ["user.changed", "key.added", "key.deactivated", "user.deactivated"]);
  });

  test("leaves what it doesn't mention: members, lists, and whole sections", async () => {
    await fill();
    await insertOperator("carol@example.org");
    const seq = await lastSeq();
    await state.apply(
      { accounts: [{ shortname: "acme" }, { shortname: "gone", users: [{ name: "demo" }] }] },
      { prune: true },
    );
    assert.equal(await lastSeq(), seq);
  });

  test("clears with null: a label, an expiry, networks, a maximum age", async () => {
    await fill();
    const key = { public_key: pem("one"), label: null, expires_at: null, networks: null };
    const users = [{ name: "demo", networks: null, keys: [key] }];
    await state.apply({ accounts: [{ shortname: "acme", key_age_max_seconds: null, users }] });
    const [account] = (await state.export())["accounts"] as { users: object[] }[];
    const cleared = JSON.stringify(account?.users[0]);
    assert.match(cleared, /"networks":\[\],"keys"/);
    assert.equal((await registry.store.keys.find(1 as KeyId))?.label, null);
    assert.equal((await registry.store.keys.find(1 as KeyId))?.expiresAtMs, null);
  });

  test("under a maximum age takes null for the latest expiry that is allowed, and then finds no difference", async () => {
    const of = (...keys: object[]) => ({
      accounts: [{ shortname: "acme", key_age_max_seconds: 86_400, users: [{ name: "demo", keys }] }],
    });
    const soon = { public_key: pem("two"), expires_at: inFuture(3_600_000) };
    await state.apply(of({ public_key: pem("one"), expires_at: null }, soon));
    registry.clock.advanceSeconds(60);
    const never = [pem("one"), pem("two")].map((key) => ({ public_key: key, expires_at: null }));
    assert.deepEqual(await state.differences(of(...never)), [`change key acme/demo ${fingerprint("two")}`]);
    await state.apply(of(...never));
    assert.deepEqual(await state.differences(of(...never)), []);
    const [one, two] = await registry.store.keys.listOf([1 as ApiUserId]);
    assert.equal(one?.expiresAtMs, (one?.createdAtMs ?? 0) + DAY_MS);
    assert.equal(two?.expiresAtMs, one?.expiresAtMs);
  });

  test("may write a key in any form that is accepted", async () => {
    await state.apply(byHand([{ name: "demo", keys: [{ public_key: pem("one") }] }]));
    const jwk = JSON.stringify(createPublicKey(pem("one")).export({ format: "jwk" }));
    for (const text of [jwk, pem("one").replaceAll("\n", "\r\n"), `hello\n${pem("one")}`]) {
      assert.deepEqual(
        await state.differences(byHand([{ name: "demo", keys: [{ public_key: text }] }]), { prune: true }),
        [],
      );
    }
  });

  test("creates what is deactivated without a moment in which it is active", async () => {
    await state.apply(
      byHand([{ name: "demo", status: "deactivated", keys: [{ public_key: pem("one"), status: "deactivated" }] }]),
    );
    assert.deepEqual(await eventsAfter(0), [
      "account.created",
      "user.created",
      "user.deactivated",
      "key.added",
      "key.deactivated",
    ]);
  });

  test("with a key that has expired adds nothing for it, and says so", async () => {
    const plan = await state.plan(
      byHand([{ name: "demo", keys: [{ public_key: pem("one"), expires_at: inFuture(0) }] }]),
    );
    assert.deepEqual(
      plan.steps.map(({ kind }) => kind),
      ["account", "user"],
    );
    assert.match(plan.notes.join(), /acme\/demo SHA256:.* isn't added: it expired on /);
  });

  test("keeps a revoked key revoked in another registry: it can't be added there", async () => {
    await state.apply(
      byHand([{ name: "demo", keys: [{ public_key: pem("one"), status: "revoked", expires_at: inFuture(-1) }] }]),
    );
    const again = byHand([{ name: "demo" }, { name: "other", keys: [{ public_key: pem("one") }] }]);
    assert.deepEqual(await fieldsOf(state.plan(again)), ["/accounts/0/users/1/keys/0/public_key"]);
  });

  test("makes an operator by an invitation, once, and follows it when it changes", async () => {
    const of = (role: string, status = "active") => ({ operators: [{ email: "A@example.org", role, status }] });
    const { secrets } = await state.apply(of("viewer"));
    assert.match(JSON.stringify(secrets), /"kind":"operator","name":"a@example.org","link_secret":"csiv_/);
    assert.deepEqual(await state.differences(of("viewer")), []);
    assert.deepEqual(await state.differences(of("admin")), ["change operator a@example.org"]);
    await state.apply(of("admin"));
    assert.deepEqual(await state.differences(of("admin", "deactivated")), ["deactivate operator a@example.org"]);
    await state.apply(of("admin", "deactivated"));
    assert.deepEqual(await state.differences(of("admin", "deactivated")), []);
  });

  test("matches an endpoint by its URL and account, so that its label can be changed", async () => {
    const of = (label: string) => ({ webhooks: [{ url: "https://hooks.example/x", label }] });
    await state.apply(of("one"));
    assert.deepEqual(await state.differences(of("two"), { prune: true }), [
      'change webhook https://hooks.example "one"',
    ]);
    assert.deepEqual(await state.differences({ webhooks: [{ url: "https://hooks.example/x" }] }, { prune: true }), []);
  });
});

describe("pruning", () => {
  test("deactivates what the lists don't mention, never deletes, and is undone by naming it again", async () => {
    await fill();
    await insertOperator("carol@example.org");
    const document = await state.export();
    const small = {
      accounts: [{ shortname: "gone", users: [] }],
      resource_servers: [{ name: "billing" }],
      webhooks: [{ url: "https://hooks.example/new" }],
      operators: [{ email: "carol@example.org", role: "owner" }],
    };
    assert.deepEqual(
      (await state.differences(small, { prune: true })).filter((line) => line.startsWith("deactivate")),
      [
        "deactivate user gone/demo",
        "deactivate account acme",
        "deactivate resource_server orders",
        'deactivate webhook https://hooks.example "chat" of acme',
        'deactivate webhook https://hooks.example "other"',
        "deactivate operator alice@example.org",
        "deactivate operator bob@example.org",
      ],
    );
    await state.apply(small, { prune: true });
    assert.deepEqual(await state.differences(small, { prune: true }), []);
    await state.apply(document, { prune: true });
    assert.deepEqual(await state.differences(document, { prune: true }), []);
  });

  test("of keys leaves revoked and expired ones, and those of users without a list of keys", async () => {
    const of = (...keys: object[]) => byHand([{ name: "demo", keys }, { name: "other" }]);
    await state.apply(
      of(
        { public_key: pem("one") },
        { public_key: pem("two"), expires_at: inFuture(1000) },
        { public_key: pem("three"), status: "revoked" },
      ),
    );
    await state.commit((tx) =>
      addKey(tx, { username: "api-1-other", admitted: admittedKey(pem("four")), proof: undefined }),
    );
    registry.clock.advanceSeconds(2);
    assert.deepEqual(await state.differences(of(), { prune: true }), [
      `deactivate key acme/demo ${fingerprint("one")}`,
    ]);
  });

  test("refuses an empty list of a section, which an empty template gives, unless there is nothing to switch off", async () => {
    await fill();
    const nothing = { accounts: [], resource_servers: [], webhooks: [], operators: [] };
    const sections = ["/accounts", "/resource_servers", "/webhooks", "/operators"];
    assert.deepEqual(await fieldsOf(state.plan(nothing, { prune: true })), sections);
    assert.deepEqual(await state.differences(nothing), []);
    const empty = await openTestRegistry();
    assert.deepEqual(await testDeclaredState(empty.store, empty.clock).differences(nothing, { prune: true }), []);
    await empty.close();
  });

  test("and changes never leave the service without an owner; an invited one doesn't count", async () => {
    await insertOperator("alice@example.org");
    const bob = { email: "bob@example.org", role: "owner" };
    for (const [operators, prune] of [
      [[bob], true],
      [[bob, { email: "alice@example.org", role: "viewer" }], false],
      [[{ email: "alice@example.org", role: "owner", status: "deactivated" }], false],
    ] as const) {
      assert.deepEqual(await fieldsOf(state.plan({ operators }, { prune })), ["/operators"]);
    }
    const id = (await insertOperator("bob@example.org", "viewer")).id;
    const seq = await lastSeq();
    await state.apply({ operators: [bob] }, { prune: true });
    assert.deepEqual(await eventsAfter(seq), ["operator.changed", "operator.deactivated"]);
    assert.equal((await registry.store.operators.find(id))?.role, "owner");
  });

  test("leaves operators who use single sign-on, and a role that the identity provider decides on is refused", async () => {
    await insertOperator("alice@example.org");
    await insertOperator("sso@example.org", "viewer", true);
    const alice = { email: "alice@example.org", role: "owner" };
    assert.deepEqual(await state.differences({ operators: [alice] }, { prune: true }), []);
    const sso = { email: "sso@example.org", role: "admin" };
    assert.deepEqual(await fieldsOf(state.plan({ operators: [alice, sso] })), ["/operators/1"]);
  });
});

describe("a document that the registry can't become", () => {
  test("is refused after a hundred problems, without examining the rest of its keys", async () => {
    let examined = 0;
    const strict = testDeclaredState(registry.store, registry.clock, {
      admitKey: () => {
        examined++;
        return Promise.reject(keyWeak("prime"));
      },
    });
    const keys = Array.from({ length: 150 }, (_, index) => ({
      public_key: publicKeyText(2n ** 2047n + 2n * BigInt(index) + 1n),
    }));
    assert.equal((await fieldsOf(strict.plan(byHand([{ name: "demo", keys }])))).length, 100);
    assert.equal(examined, 100);
  });

  test("lets other work of the process have a turn between its keys", async () => {
    let turns = 0;
    const counting = testDeclaredState(registry.store, registry.clock, {
      yieldToEventLoop: () => {
        turns++;
        return Promise.resolve();
      },
    });
    const keys = Array.from({ length: 200 }, () => ({ public_key: "no key" }));
    await fieldsOf(counting.plan(byHand([{ name: "demo", keys }])));
    assert.ok(turns >= 2, `${turns}`);
  });

  test("for one account doesn't touch an invitation of an operator elsewhere", async () => {
    await state.apply({
      accounts: [{ shortname: "acme" }],
      operators: [{ email: "bob@example.org", role: "owner" }],
    });
    for (const entry of [{ role: "viewer" }, { role: "owner", status: "deactivated" }]) {
      const operators = [{ email: "bob@example.org", account: "acme", ...entry }];
      assert.deepEqual(await fieldsOf(state.plan({ account: "acme", operators })), ["/operators/0"]);
    }
  });

  test("is refused as a whole, with every problem, and nothing is changed", async () => {
    await fill();
    const [p, q, r] = Array.from({ length: 3 }, () => generatePrimeSync(1024, { bigint: true })) as [
      bigint,
      bigint,
      bigint,
    ];
    const seq = await lastSeq();
    const document = {
      accounts: [
        {
          shortname: "acme",
          key_age_max_seconds: 86_400,
          users: [
            { name: "new" },
            {
              name: "no",
              access: "full",
              keys: [{ public_key: "nonsense" }, { public_key: rsaKeyPair("one").privatePem }],
            },
            {
              name: "demo",
              keys: [
                { public_key: pem("three"), status: "active" },
                { public_key: pem("five") },
                { public_key: pem("five") },
                { public_key: pem("six"), expires_at: inFuture(2 * DAY_MS) },
                { public_key: pem("seven"), expires_at: null },
                { public_key: pem("one"), expires_at: inFuture(500 * DAY_MS) },
                { public_key: publicKeyText(p * q) },
                { public_key: publicKeyText(p * r) },
                { public_key: publicKeyText(3n * (1n << 2047n) + 3n) },
              ],
            },
          ],
        },
        { shortname: "gone", users: [{ name: "other", keys: [{ public_key: pem("two") }] }] },
      ],
      webhooks: [{ url: "https://hooks.example/", account: "absent" }],
      operators: [{ email: "x@example.org", role: "viewer", account: "absent" }],
    };
    const keys = "/accounts/0/users/2/keys";
    assert.deepEqual(await fieldsOf(state.apply(document)), [
      "/accounts/0/users/1/keys/0/public_key",
      "/accounts/0/users/1/keys/1/public_key",
      `${keys}/0/status`,
      `${keys}/2/public_key`,
      `${keys}/3/expires_at`,
      `${keys}/5/expires_at`,
      `${keys}/7/public_key`,
      `${keys}/8/public_key`,
      "/accounts/1/users/0/keys/0/public_key",
      "/webhooks/0/account",
      "/operators/0/account",
    ]);
    assert.equal(await lastSeq(), seq);
  });

  test("because a user would have too many keys, or an account too many endpoints", async () => {
    await state.apply(byHand([{ name: "demo" }]));
    await state.commit(async (tx) => {
      const user = await tx.users.find("api-1-demo");
      assert.ok(user);
      for (let count = 0; count < USABLE_KEYS_PER_USER_MAX; count++) await insertKey(tx, user, count);
    });
    const document = byHand([{ name: "demo", keys: [{ public_key: pem("one") }] }]);
    assert.deepEqual(await fieldsOf(state.plan(document)), ["/accounts/0/users/0/keys"]);
    const webhooks = Array.from({ length: 21 }, (_, index) => ({ url: `https://hooks.example/${index}` }));
    assert.deepEqual(await fieldsOf(state.plan({ webhooks })), ["/webhooks"]);
  });

  test("because the service requires proofs, or can't know clients' addresses", async () => {
    const strict = testDeclaredState(registry.store, registry.clock, {
      keyProof: "required",
      unnamedProxy: "of a proxy",
    });
    const demo = {
      name: "demo",
      networks: ["10.0.0.0/8"],
      keys: [{ public_key: pem("one"), networks: ["10.0.0.0/8"] }],
    };
    assert.deepEqual(await fieldsOf(strict.plan(byHand([demo]))), [
      "/accounts/0/users/0/networks",
      "/accounts/0/users/0/keys/0",
      "/accounts/0/users/0/keys/0/networks",
    ]);
    await state.apply(byHand([demo]));
    assert.deepEqual(await strict.differences(byHand([demo]), { prune: true }), []);
  });

  test("because a key is registered in an account that the author can't see: the answer doesn't tell whose it is", async () => {
    await state.apply(byHand([{ name: "demo", keys: [{ public_key: pem("one") }] }]));
    await state.commit((tx) => createAccount(tx, { shortname: "other" }));
    const account = await registry.store.accounts.find("other");
    assert.ok(account);
    const author = { actor: "x", role: "admin", accountId: account.id, account: "other" } as const;
    const document = {
      account: "other",
      accounts: [{ shortname: "other", users: [{ name: "x", keys: [{ public_key: pem("one") }] }] }],
    };
    const { message } = await refusalOf(state.plan(document, { author }));
    assert.doesNotMatch(message, /acme|api-1|key 1/);
  });
});

describe("applying", () => {
  const MANY = byHand(Array.from({ length: 120 }, (_, index) => ({ name: `user-${index}` })));

  test("goes on where it was interrupted, without doing anything twice", async () => {
    let commits = 0;
    const commit = createCommit(registry.store, registry.clock);
    const failing = testDeclaredState(registry.store, registry.clock, {
      commit: (work, options) => {
        if (commits++ === 1) return Promise.reject(new Error("killed"));
        return commit(work, options);
      },
    });
    await assert.rejects(failing.apply(MANY), /killed/);
    const { seq: before } = await registry.store.events.last();
    assert.equal(before, 50);
    await state.apply(MANY);
    assert.equal(await lastSeq(), 121);
    assert.deepEqual(await state.differences(MANY, { prune: true }), []);
  });

  test("compares anew when another author changes what the plan has seen", async () => {
    await state.apply(byHand([{ name: "demo" }]));
    let plans = 0;
    const { count } = await state.apply(byHand([{ name: "demo", may_rotate: true, networks: [] }, { name: "new" }]), {
      onPlan: async () => {
        if (plans++ > 0) return;
        await state.commit((tx) => changeUser(tx, "api-1-demo", { mayRotate: true }));
        await state.commit((tx) => createUser(tx, { name: "new", account: "acme", access: "full" }));
      },
    });
    assert.deepEqual([plans, count], [2, 0]);
  });

  test("gives up when it is changed again and again, without a change", async () => {
    await state.apply(byHand([{ name: "demo" }]));
    let plans = 0;
    const work = state.apply(byHand([{ name: "demo", networks: ["10.0.0.0/8"] }]), {
      onPlan: async () => {
        plans++;
        await state.commit((tx) => changeUser(tx, "api-1-demo", { networks: [`192.0.2.${plans}/32`] }));
      },
    });
    const { code, message } = await refusalOf(work);
    assert.deepEqual([plans, code], [3, "precondition_failed"]);
    assert.match(message, /^user acme\/demo: The registry has changed/);
  });

  test("ends as soon as its author is deactivated", async () => {
    const operator = await insertOperator("alice@example.org");
    await insertOperator("bob@example.org");
    const author = {
      actor: "operator:alice@example.org",
      role: "owner",
      accountId: null,
      account: null,
      operator,
    } as const;
    const work = state.apply(MANY, {
      author,
      onPlan: async () => {
        await state.commit((tx) => changeOperator(tx, operator.id, { status: "deactivated" }), SYSTEM);
      },
    });
    assert.equal((await refusalOf(work)).code, "sign_in_required");
    assert.deepEqual(await registry.store.accounts.list(), []);
  });
});
