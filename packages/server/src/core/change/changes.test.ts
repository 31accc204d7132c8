import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import type { RefusalCode } from "@countersign/protocol";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { madeUpModulus } from "../../testing/made-up-modulus.ts";
import { EXAMPLE_NOW_MICROSECONDS } from "../../testing/test-clock.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import { masterSecretFingerprint } from "../signing-keys/signing-keys.ts";
import { findChainBreak } from "../feed/audit-chain.ts";
import { USABLE_KEYS_PER_USER_MAX } from "../keys/changes.ts";
import { usernameOf } from "../users/changes.ts";
import { createRegistryChanges, type RegistryChanges } from "../../testing/test-changes.ts";
import type { AccountId } from "../accounts/model.ts";
import type { KeyId } from "../keys/model.ts";
import { Refusal } from "../refusal.ts";

const NOW_MS = Math.floor(EXAMPLE_NOW_MICROSECONDS / 1000);
const ACTOR = "cli:alice";
const alice = rsaKeyPair("alice").publicPem;
const bob = rsaKeyPair("bob").publicPem;

let registry: TestRegistry;
let changes: RegistryChanges;
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  ({ changes } = registry);
});
after(async () => {
  for (const each of opened) await each.close();
});

async function refuses(work: () => Promise<unknown>, code: RefusalCode, message: string): Promise<void> {
  const before = await snapshot();
  // Some rules are checked before the transaction begins; an awaiting caller sees a rejection either way.
  await assert.rejects(
    async () => work(),
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, code);
      assert.equal(error.message, message);
      return true;
    },
  );
  assert.deepEqual(await snapshot(), before, "a refused change leaves nothing");
}

async function snapshot() {
  const { store } = registry;
  const users = await store.users.list();
  return {
    accounts: await store.accounts.list(),
    users,
    keys: await Promise.all(users.map(({ id }) => store.keys.list(id))),
    signingKeys: await store.signingKeys.list(),
    events: await store.events.after(0, 1000),
  };
}

/** The events that `work` appended, without their place in the chain. */
async function eventsOf(work: () => Promise<unknown>) {
  const seq = (await registry.store.events.last()).seq;
  await work();
  return (await registry.store.events.after(seq, 1000)).map(({ atMs, actor, action, subject, details }) => ({
    atMs,
    actor,
    action,
    subject,
    details,
  }));
}

async function seed() {
  await changes.createAccount(ACTOR, { shortname: "acme" });
  const user = await changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full" });
  const key = await changes.addKey(ACTOR, { username: user.username, text: alice });
  return { user, key };
}

function madeUpKey(index: number): string {
  const n = madeUpModulus(2048);
  // Far enough apart that no two are the same number after the search for one without small factors.
  n[100] = index;
  for (;;) {
    const text = JSON.stringify({ kty: "RSA", n: n.toString("base64url"), e: "AQAB" });
    const value = BigInt(`0x${n.toString("hex")}`);
    if (PRIMES.every((prime) => value % prime !== 0n)) return text;
    n.writeUInt16BE((n.readUInt16BE(254) + 2) & 0xffff, 254);
  }
}
const PRIMES = Array.from({ length: 750 }, (_, index) => BigInt(index + 2));

describe("every change", () => {
  test("appends exactly one event that says who, what and when", async () => {
    const at = { atMs: NOW_MS, actor: ACTOR };
    const fingerprint = { username: "api-1-demo", fingerprint: "" };
    assert.deepEqual(await eventsOf(() => changes.createAccount(ACTOR, { shortname: "acme", name: "Acme" })), [
      { ...at, action: "account.created", subject: "account:1", details: { shortname: "acme", name: "Acme" } },
    ]);
    assert.deepEqual(
      await eventsOf(() => changes.createUser(ACTOR, { name: "demo", account: "acme", access: "read_only" })),
      [
        {
          ...at,
          action: "user.created",
          subject: "user:1",
          details: { username: "api-1-demo", account: "acme", access: "read_only" },
        },
      ],
    );
    const added = await eventsOf(async () => {
      const key = await changes.addKey(ACTOR, { username: "api-1-demo", text: alice, expiresInMs: 1000 });
      fingerprint.fingerprint = key.fingerprint;
    });
    assert.deepEqual(added, [
      {
        ...at,
        action: "key.added",
        subject: "key:1",
        details: { ...fingerprint, bits: 2048, expires_at_ms: NOW_MS + 1000 },
      },
    ]);
    const key = 1 as KeyId;
    for (const [action, subject, details, work] of [
      ["key.deactivated", "key:1", fingerprint, () => changes.setKeyStanding(ACTOR, key, "deactivated")],
      ["key.activated", "key:1", fingerprint, () => changes.setKeyStanding(ACTOR, key, "active")],
      ["key.revoked", "key:1", fingerprint, () => changes.revokeKey(ACTOR, key)],
      [
        "user.deactivated",
        "user:1",
        { username: "api-1-demo" },
        () => changes.setUserStanding(ACTOR, "api-1-demo", "deactivated"),
      ],
      [
        "user.activated",
        "user:1",
        { username: "api-1-demo" },
        () => changes.setUserStanding(ACTOR, "api-1-demo", "active"),
      ],
      [
        "account.deactivated",
        "account:1",
        { shortname: "acme" },
        () => changes.setAccountStanding(ACTOR, "acme", "deactivated"),
      ],
      [
        "account.activated",
        "account:1",
        { shortname: "acme" },
        () => changes.setAccountStanding(ACTOR, "acme", "active"),
      ],
      [
        "signing_key.created",
        "signing_key:1",
        { master_fingerprint: masterSecretFingerprint(TEST_MASTER_SECRET, await registry.store.storeId()) },
        () => changes.ensureSigningKey(ACTOR, TEST_MASTER_SECRET),
      ],
    ] as const) {
      assert.deepEqual(await eventsOf(work), [{ ...at, action, subject, details }]);
    }
    assert.equal(findChainBreak(await registry.store.events.after(0, 100), undefined), undefined);
  });

  test("that changes nothing appends nothing, and returns the present state", async () => {
    const { key } = await seed();
    const events = await eventsOf(async () => {
      assert.equal((await changes.setAccountStanding(ACTOR, "acme", "active")).status, "active");
      assert.equal((await changes.setUserStanding(ACTOR, "api-1-demo", "active")).status, "active");
      assert.deepEqual(await changes.setKeyStanding(ACTOR, key.id, "active"), key);
    });
    assert.deepEqual(events, []);
    await changes.setKeyStanding(ACTOR, key.id, "deactivated");
    assert.deepEqual(await eventsOf(() => changes.setKeyStanding(ACTOR, key.id, "deactivated")), []);
    await changes.revokeKey(ACTOR, key.id);
    assert.deepEqual(await eventsOf(() => changes.revokeKey(ACTOR, key.id)), []);
    await changes.ensureSigningKey(ACTOR, TEST_MASTER_SECRET);
    assert.deepEqual(await eventsOf(() => changes.ensureSigningKey(ACTOR, Buffer.alloc(32, 9))), []);
  });

  test("is reported to the feed after it is durable and before it is acknowledged", async () => {
    const seen: (string | undefined)[] = [];
    const watched = createRegistryChanges(registry.store, registry.clock, async () => {
      seen.push((await registry.store.accounts.list()).at(-1)?.shortname);
    });
    await watched.createAccount(ACTOR, { shortname: "acme" });
    assert.deepEqual(seen, ["acme"]);
    await assert.rejects(watched.createAccount(ACTOR, { shortname: "acme" }));
    assert.deepEqual(seen, ["acme"], "a refused change isn't reported");
  });

  test("is rolled back completely where its event can't be written", async () => {
    await seed();
    const before = await snapshot();
    const failing = createRegistryChanges(
      {
        ...registry.store,
        transaction: (work) =>
          registry.store.transaction((transaction) =>
            work({
              ...transaction,
              events: { ...transaction.events, append: () => Promise.reject(new Error("the disk is full")) },
            }),
          ),
      },
      registry.clock,
    );
    for (const work of [
      () => failing.createAccount(ACTOR, { shortname: "other" }),
      () => failing.createUser(ACTOR, { name: "other", account: "acme", access: "full" }),
      () => failing.setAccountStanding(ACTOR, "acme", "deactivated"),
      () => failing.setUserStanding(ACTOR, "api-1-demo", "deactivated"),
      () => failing.addKey(ACTOR, { username: "api-1-demo", text: bob }),
      () => failing.setKeyStanding(ACTOR, 1 as KeyId, "deactivated"),
      () => failing.revokeKey(ACTOR, 1 as KeyId),
      () => failing.ensureSigningKey(ACTOR, TEST_MASTER_SECRET),
    ]) {
      await assert.rejects(work, { message: "the disk is full" });
      assert.deepEqual(await snapshot(), before);
    }
  });
});

describe("an account", () => {
  test("is active, and takes its shortname as its name where none is given", async () => {
    assert.deepEqual(await changes.createAccount(ACTOR, { shortname: "acme" }), {
      id: 1,
      shortname: "acme",
      name: "acme",
      status: "active",
      createdAtMs: NOW_MS,
      keyAgeMaxSeconds: null,
      description: null,
      contact: null,
      archivedAtMs: null,
    });
  });

  test("can't have another's shortname", async () => {
    await seed();
    await refuses(
      () => changes.createAccount(ACTOR, { shortname: "acme", name: "Another" }),
      "conflict",
      "The account acme exists already.",
    );
  });

  test("that doesn't exist can't be changed, and the refusal shows its name without terminal control characters", async () => {
    await refuses(
      () => changes.setAccountStanding(ACTOR, "acme", "deactivated"),
      "not_found",
      "There is no account acme. countersign account create makes one.",
    );
    await refuses(
      () => changes.setAccountStanding(ACTOR, "a\u001b[2Jb\u202e\n", "active"),
      "not_found",
      "There is no account a?[2Jb??. countersign account create makes one.",
    );
    await refuses(
      () => changes.setAccountStanding(ACTOR, "x".repeat(5000), "active"),
      "not_found",
      `There is no account ${"x".repeat(63)}…. countersign account create makes one.`,
    );
  });
});

describe("what people note", () => {
  test("of a user and of an account is kept, and the log says which notes changed without repeating them", async () => {
    await seed();
    const notes = { displayName: "Billing", description: "Nightly exports", contact: "billing@example.com" };
    const events = await eventsOf(async () => {
      const user = await changes.changeUser(ACTOR, "api-1-demo", notes);
      assert.deepEqual([user.displayName, user.description, user.contact], Object.values(notes));
      await changes.changeUser(ACTOR, "api-1-demo", { ...notes, contact: null });
      await changes.changeUser(ACTOR, "api-1-demo", { description: notes.description });
      await changes.changeAccount(ACTOR, "acme", { description: "A partner", contact: "#acme" });
    });
    assert.deepEqual(
      events.map(({ action, details }) => [action, details["notes"]]),
      [
        ["user.described", "display_name,description,contact"],
        ["user.described", "contact"],
        ["account.described", "description,contact"],
      ],
    );
    assert.doesNotMatch(JSON.stringify(events), /Nightly|billing@|partner/);
  });

  test("is text of a bounded length without control characters", async () => {
    await seed();
    for (const [note, value, message] of [
      ["displayName", " ", "The display name must be 1 to 200 characters, not all blank, without control characters."],
      [
        "description",
        "x".repeat(501),
        "The description must be 1 to 500 characters, not all blank, without control characters.",
      ],
      ["contact", "a\u001b[2Jb", "The contact must be 1 to 200 characters, not all blank, without control characters."],
    ] as const) {
      await refuses(() => changes.changeUser(ACTOR, "api-1-demo", { [note]: value }), "field_invalid", message);
    }
    await changes.changeUser(ACTOR, "api-1-demo", { description: "x".repeat(500) });
  });
});

describe("archiving", () => {
  test("deactivates, and an archived user or account is activated only after it was restored", async () => {
    await seed();
    const events = await eventsOf(async () => {
      const archived = await changes.changeUser(ACTOR, "api-1-demo", { archived: true });
      assert.equal(archived.status, "deactivated");
      assert.notEqual(archived.archivedAtMs, null);
      await changes.changeUser(ACTOR, "api-1-demo", { archived: true });
      await refuses(
        () => changes.changeUser(ACTOR, "api-1-demo", { status: "active" }),
        "conflict",
        "The API user api-1-demo is archived, so it can't be active. Restore it first.",
      );
      const restored = await changes.changeUser(ACTOR, "api-1-demo", { archived: false });
      assert.deepEqual([restored.status, restored.archivedAtMs], ["deactivated", null]);
      await changes.changeUser(ACTOR, "api-1-demo", { status: "active" });
      await changes.changeAccount(ACTOR, "acme", { archived: true });
      await refuses(
        () => changes.changeAccount(ACTOR, "acme", { archived: true, status: "active" }),
        "conflict",
        "The account acme is archived, so it can't be active. Restore it first.",
      );
      await changes.changeAccount(ACTOR, "acme", { archived: false, status: "active" });
    });
    assert.deepEqual(
      events.map(({ action }) => action),
      [
        "user.deactivated",
        "user.archived",
        "user.restored",
        "user.activated",
        "account.deactivated",
        "account.archived",
        "account.restored",
        "account.activated",
      ],
    );
  });

  test("hides from lists without deleting", async () => {
    await seed();
    await changes.changeUser(ACTOR, "api-1-demo", { archived: true });
    const list = async (archived?: boolean) =>
      (await registry.store.users.page({ archived }, "newest", 0, { limit: 10 })).count;
    assert.deepEqual([await list(), await list(true)], [0, 1]);
    assert.equal((await registry.store.users.find("api-1-demo"))?.status, "deactivated");
  });
});

test("a changed access is an event of its own, which verifiers are told of", async () => {
  await seed();
  const [event, ...more] = await eventsOf(() => changes.changeUser(ACTOR, "api-1-demo", { access: "read_only" }));
  assert.deepEqual([event?.action, event?.details["access"], more.length], ["user.access_changed", "read_only", 0]);
  assert.equal((await registry.store.users.find("api-1-demo"))?.access, "read_only");
});

describe("networks and permissions", () => {
  test("of a user are stored in canonical form, and its event says what they are", async () => {
    await changes.createAccount(ACTOR, { shortname: "acme" });
    const limits = { mayRotate: true, networks: ["2001:DB8::/32", "192.0.2.7", "192.0.2.7/32"] };
    const [created] = await eventsOf(() =>
      changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full", ...limits }),
    );
    const networks = "2001:db8::/32,192.0.2.7/32";
    const about = { username: "api-1-demo", account: "acme", access: "full" };
    assert.deepEqual(created?.details, { ...about, may_rotate: true, networks });
    const [changed, ...more] = await eventsOf(async () => {
      const user = await changes.changeUser(ACTOR, "api-1-demo", { mayRotate: false });
      assert.deepEqual([user.mayRotate, user.networks.join()], [false, networks]);
    });
    assert.equal(changed?.action, "user.changed");
    assert.deepEqual(changed.details, { username: "api-1-demo", may_rotate: false, networks });
    assert.deepEqual(more, []);
  });

  test("that stay as they are, in any spelling, are no change", async () => {
    const { key } = await seed();
    await changes.changeUser(ACTOR, "api-1-demo", { networks: ["2001:db8::/32"] });
    await changes.changeKey(ACTOR, key.id, { networks: ["192.0.2.7"] });
    const events = await eventsOf(async () => {
      await changes.changeUser(ACTOR, "api-1-demo", { networks: ["2001:DB8:0::/32"], mayRotate: false });
      await changes.changeKey(ACTOR, key.id, { networks: ["::ffff:192.0.2.7"] });
      await changes.changeUser(ACTOR, "api-1-demo", {});
    });
    assert.deepEqual(events, []);
  });

  test("of a key are stored in canonical form, and its event says what they are", async () => {
    const { key } = await seed();
    const [limited, opened] = await eventsOf(async () => {
      await changes.changeKey(ACTOR, key.id, { networks: ["192.0.2.7", "2001:DB8::/32"] });
      assert.deepEqual((await changes.changeKey(ACTOR, key.id, { networks: [] })).networks, []);
    });
    assert.deepEqual(
      [limited, opened].map((event) => [event?.action, event?.details["networks"]]),
      [
        ["key.changed", "192.0.2.7/32,2001:db8::/32"],
        ["key.changed", ""],
      ],
    );
    const added = await changes.addKey(ACTOR, { username: "api-1-demo", text: bob, networks: ["192.0.2.0/24"] });
    assert.deepEqual(added.networks, ["192.0.2.0/24"]);
    assert.deepEqual((await registry.store.keys.find(added.id))?.networks, ["192.0.2.0/24"]);
  });

  test("that can't be read are refused with the whole change", async () => {
    const { key } = await seed();
    const says =
      '"192.0.2.7/24" has bits set beyond its prefix. Write 192.0.2.0/24 for the network, or 192.0.2.7/32 for the address.';
    const networks = ["192.0.2.7/24"];
    const next = { name: "next", account: "acme", access: "full", networks } as const;
    for (const work of [
      () => changes.createUser(ACTOR, next),
      () => changes.changeUser(ACTOR, "api-1-demo", { networks, status: "deactivated" }),
      () => changes.addKey(ACTOR, { username: "api-1-demo", text: bob, networks }),
      () => changes.changeKey(ACTOR, key.id, { networks, status: "revoked" }),
    ]) {
      await refuses(work, "field_invalid", says);
    }
  });

  test("of an account: its name and the maximum age of its keys change apart, and its event says what changed", async () => {
    await seed();
    const events = await eventsOf(async () => {
      await changes.changeAccount(ACTOR, "acme", { name: "Acme Ltd" });
      await changes.changeAccount(ACTOR, "acme", { keyAgeMaxSeconds: 86_400 });
      await changes.changeAccount(ACTOR, "acme", { name: "Acme Ltd", keyAgeMaxSeconds: 86_400 });
    });
    assert.deepEqual(
      events.map(({ action, details }) => [action, details]),
      [
        ["account.changed", { shortname: "acme", name: "Acme Ltd" }],
        ["account.changed", { shortname: "acme", key_age_max_seconds: 86_400 }],
      ],
    );
    await refuses(
      () => changes.changeAccount(ACTOR, "acme", { name: " ", status: "deactivated" }),
      "field_invalid",
      "The name must be 1 to 200 characters, not all blank, without control characters.",
    );
  });
});

describe("names", () => {
  const rule = (what: string) =>
    `The ${what} must be 1 to 63 lower-case letters, digits, ".", "_" and "-", and begin with a letter or digit.`;

  for (const name of ["a", "0", "acme", "a-b_c.d", "9lives", "x".repeat(63)]) {
    test(`may be ${name.length > 20 ? `${name.length} characters long` : name}`, async () => {
      const account = await changes.createAccount(ACTOR, { shortname: name });
      assert.equal(account.shortname, name);
      const user = await changes.createUser(ACTOR, { name, account: name, access: "full" });
      assert.equal(user.username, `api-1-${name}`);
    });
  }

  for (const name of [
    "",
    "x".repeat(64),
    "-a",
    ".a",
    "_a",
    "A",
    "aB",
    "a b",
    " a",
    "a ",
    "a\n",
    "a\0",
    "ä",
    "a/b",
    "a:b",
    "a\u200d",
    "ａ",
    "__proto__",
    "../a",
    "a'--",
  ]) {
    test(`may not be ${JSON.stringify(name.length > 20 ? `${name.length} characters` : name)}`, async () => {
      await changes.createAccount(ACTOR, { shortname: "acme" });
      await refuses(() => changes.createAccount(ACTOR, { shortname: name }), "field_invalid", rule("shortname"));
      await refuses(
        () => changes.createUser(ACTOR, { name, account: "acme", access: "full" }),
        "field_invalid",
        rule("name"),
      );
    });
  }

  test("of API users carry the account's id, so that two accounts may use the same name", async () => {
    await changes.createAccount(ACTOR, { shortname: "acme" });
    await changes.createAccount(ACTOR, { shortname: "beta" });
    const first = await changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full" });
    const second = await changes.createUser(ACTOR, { name: "demo", account: "beta", access: "read_only" });
    assert.deepEqual([first.username, second.username], ["api-1-demo", "api-2-demo"]);
    assert.deepEqual([first.account, second.account, second.access], ["acme", "beta", "read_only"]);
    assert.equal(usernameOf({ id: 12 as AccountId }, "x"), "api-12-x");
    await refuses(
      () => changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full" }),
      "conflict",
      "The API user api-1-demo exists already.",
    );
    await refuses(
      () => changes.createUser(ACTOR, { name: "demo", account: "gamma", access: "full" }),
      "not_found",
      "There is no account gamma. countersign account create makes one.",
    );
  });
});

describe("display names and labels", () => {
  const rule = (what: string) => `The ${what} must be 1 to 200 characters, not all blank, without control characters.`;

  for (const text of ["a", "Acme & Søn", "日本", "👩‍💻 laptop", "x".repeat(200), "a\u00a0b"]) {
    test(`may be ${text.length > 20 ? `${text.length} characters long` : text}`, async () => {
      const account = await changes.createAccount(ACTOR, { shortname: "acme", name: text });
      assert.equal(account.name, text);
      const user = await changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full" });
      const key = await changes.addKey(ACTOR, { username: user.username, text: alice, label: text });
      assert.equal(key.label, text);
    });
  }

  for (const [name, text] of [
    ["empty", ""],
    ["blank", " \u00a0\u3000"],
    ["201 characters long", "x".repeat(201)],
    ["with a NUL", "a\0"],
    ["with an escape sequence", "a\u001b[31mb"],
    ["with a line feed", "a\nb"],
    ["with a tab", "a\tb"],
    ["with DEL", "a\u007f"],
    ["with a C1 control", "a\u009bb"],
    ["with a bidirectional override", "a\u202eb"],
    ["with a zero-width space", "a\u200bb"],
    ["with a byte order mark", "a\ufeffb"],
    ["with a soft hyphen", "a\u00adb"],
    ["with half a character", "a\ud800"],
    ["with a private-use character", "a\ue000"],
    ["with an unassigned character", "a\u0378"],
    ["with a line separator", "a\u2028b"],
    ["with a paragraph separator", "a\u2029b"],
    ["invisible", "\u200d\u200d"],
  ] as const) {
    test(`may not be ${name}`, async () => {
      const { user } = await seed();
      await refuses(
        () => changes.createAccount(ACTOR, { shortname: "beta", name: text }),
        "field_invalid",
        rule("name"),
      );
      await refuses(
        () => changes.addKey(ACTOR, { username: user.username, text: bob, label: text }),
        "field_invalid",
        rule("label"),
      );
    });
  }
});

describe("adding a key", () => {
  test("answers with the key as it is stored", async () => {
    const { user } = await seed();
    const key = await changes.addKey(ACTOR, { username: user.username, text: bob, label: "laptop", expiresInMs: 5000 });
    assert.deepEqual(key, await registry.store.keys.find(key.id));
    assert.equal(key.label, "laptop");
    assert.equal(key.status, "active");
    assert.equal(key.createdAtMs, NOW_MS);
    assert.equal(key.expiresAtMs, NOW_MS + 5000);
    assert.equal(key.lastUsedAtMs, null);
    assert.match(key.fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
    assert.match(key.thumbprint, /^[A-Za-z0-9_-]{43}$/);
  });

  test("needs a user", async () => {
    await refuses(
      () => changes.addKey(ACTOR, { username: "api-1-demo", text: alice }),
      "not_found",
      "There is no API user api-1-demo.",
    );
  });

  test("reports first that a key is private, whatever else is wrong", async () => {
    const { privatePem } = rsaKeyPair("alice");
    await assert.rejects(async () => changes.addKey(ACTOR, { username: "nobody", text: privatePem, label: "\0" }), {
      name: "Refusal",
      code: "private_key_exposed",
      message: /^The key is refused: this is a PRIVATE key\./,
    });
  });

  test("twice for one user is refused as a duplicate, in any spelling, with any exponent and in any status", async () => {
    const { user, key } = await seed();
    const { publicKey } = rsaKeyPair("alice");
    const forms = [
      alice,
      publicKey.export({ format: "pem", type: "pkcs1" }),
      JSON.stringify(publicKey.export({ format: "jwk" })),
      JSON.stringify({ ...publicKey.export({ format: "jwk" }), e: "AQAD" }),
    ];
    for (const status of ["active", "deactivated"] as const) {
      await changes.setKeyStanding(ACTOR, key.id, status);
      for (const text of forms) {
        await refuses(
          () => changes.addKey(ACTOR, { username: user.username, text }),
          "key_weak",
          "The key is refused: api-1-demo has this key already: key 1.",
        );
      }
    }
  });

  test("is refused for a second user too, and for good once it was revoked", async () => {
    const { key } = await seed();
    await changes.createUser(ACTOR, { name: "second", account: "acme", access: "full" });
    await refuses(
      () => changes.addKey(ACTOR, { username: "api-1-second", text: alice }),
      "key_weak",
      "The key is refused: this key is registered already, for api-1-demo: key 1.",
    );
    await changes.revokeKey(ACTOR, key.id);
    const { publicKey } = rsaKeyPair("alice");
    const otherExponent = JSON.stringify({ ...publicKey.export({ format: "jwk" }), e: "AQAD" });
    for (const username of ["api-1-demo", "api-1-second"]) {
      for (const text of [alice, otherExponent]) {
        await refuses(
          () => changes.addKey(ACTOR, { username, text }),
          "key_weak",
          "The key is refused: this key was revoked (key 1), and a revoked key is never accepted again.",
        );
      }
    }
  });

  test(`is refused beyond ${USABLE_KEYS_PER_USER_MAX} keys that aren't revoked; deactivated ones count`, async () => {
    const { user } = await seed();
    const keys: KeyId[] = [];
    for (let count = 2; count <= USABLE_KEYS_PER_USER_MAX; count++) {
      keys.push((await changes.addKey(ACTOR, { username: user.username, text: madeUpKey(count) })).id);
    }
    const message =
      "api-1-demo already has 20 keys that are neither revoked nor expired, the maximum. Revoke one first.";
    const [first] = keys as [KeyId];
    await refuses(() => changes.addKey(ACTOR, { username: user.username, text: bob }), "conflict", message);
    await changes.setKeyStanding(ACTOR, first, "deactivated");
    await refuses(() => changes.addKey(ACTOR, { username: user.username, text: bob }), "conflict", message);
    await changes.revokeKey(ACTOR, first);
    await assert.doesNotReject(changes.addKey(ACTOR, { username: user.username, text: bob }));
  });
});

describe("a key's expiry", () => {
  const LIMIT_MS = 0xffff_ffff * 1000;
  const message = "The key's expiry must be in the future and before the year 2106.";

  for (const [expiresInMs, expiresAtMs] of [
    [1, NOW_MS + 1],
    [1000, NOW_MS + 1000],
    [LIMIT_MS - NOW_MS, LIMIT_MS],
  ] as const) {
    test(`may lie ${expiresInMs} ms ahead`, async () => {
      await changes.createAccount(ACTOR, { shortname: "acme" });
      await changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full" });
      const key = await changes.addKey(ACTOR, { username: "api-1-demo", text: alice, expiresInMs });
      assert.equal(key.expiresAtMs, expiresAtMs);
    });
  }

  for (const expiresInMs of [
    0,
    -1,
    -1000,
    LIMIT_MS - NOW_MS + 1,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ]) {
    test(`may not lie ${expiresInMs} ms ahead`, async () => {
      const { user } = await seed();
      await refuses(
        () => changes.addKey(ACTOR, { username: user.username, text: bob, expiresInMs }),
        "field_invalid",
        message,
      );
    });
  }
});

describe("revoking a key", () => {
  test("is permanent: neither activating nor deactivating undoes it", async () => {
    const { key } = await seed();
    assert.equal((await changes.revokeKey(ACTOR, key.id)).status, "revoked");
    const message = "Key 1 is revoked, and revoking can't be undone. Add a new key instead.";
    for (const standing of ["active", "deactivated"] as const) {
      await refuses(() => changes.setKeyStanding(ACTOR, key.id, standing), "conflict", message);
    }
    assert.equal((await registry.store.keys.find(key.id))?.status, "revoked");
  });

  test("works on a deactivated key as well", async () => {
    const { key } = await seed();
    await changes.setKeyStanding(ACTOR, key.id, "deactivated");
    assert.equal((await changes.revokeKey(ACTOR, key.id)).status, "revoked");
  });

  for (const id of [0, 2, -1, 1.5, 2 ** 40]) {
    test(`needs a key: there is no key ${id}`, async () => {
      await seed();
      for (const work of [
        () => changes.revokeKey(ACTOR, id as KeyId),
        () => changes.setKeyStanding(ACTOR, id as KeyId, "active"),
      ]) {
        await refuses(work, "not_found", `There is no key ${id}.`);
      }
    });
  }
});

describe("an API user", () => {
  test("that doesn't exist can't be changed", async () => {
    await seed();
    await refuses(
      () => changes.setUserStanding(ACTOR, "api-1-nobody", "deactivated"),
      "not_found",
      "There is no API user api-1-nobody.",
    );
    await refuses(
      () => changes.setUserStanding(ACTOR, "API-1-DEMO", "deactivated"),
      "not_found",
      "There is no API user API-1-DEMO.",
    );
  });

  test("is deactivated independently of its account", async () => {
    await seed();
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    const record = await registry.store.users.loadRecord("api-1-demo");
    assert.deepEqual([record?.user.status, record?.accountStatus], ["deactivated", "active"]);
  });
});

describe("a store's signing key", () => {
  test("is made once, with number 1, and stores only the fingerprint of its master secret", async () => {
    await changes.ensureSigningKey(ACTOR, TEST_MASTER_SECRET);
    await changes.ensureSigningKey(ACTOR, Buffer.alloc(32, 1));
    assert.deepEqual(await registry.store.signingKeys.list(), [
      {
        number: 1,
        masterFingerprint: masterSecretFingerprint(TEST_MASTER_SECRET, await registry.store.storeId()),
        createdAtMs: NOW_MS,
        // There is no node to wait for: the first key signs at once.
        activatedAtMs: NOW_MS,
        retiredAtMs: null,
      },
    ]);
    assert.equal((await registry.store.events.after(0, 10)).length, 1);
  });

  for (const bytes of [0, 16, 31, 33, 64]) {
    test(`isn't made from ${bytes} bytes`, async () => {
      await assert.rejects(async () => changes.ensureSigningKey(ACTOR, Buffer.alloc(bytes)), {
        name: "Error",
        message: "a master secret has 32 bytes",
      });
      assert.deepEqual(await registry.store.signingKeys.list(), []);
    });
  }
});
