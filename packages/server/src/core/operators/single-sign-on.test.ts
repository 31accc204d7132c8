import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { codeOf, openTestOperators, ROOT, TEST_PLACE, type TestOperators } from "../../testing/test-operators.ts";
import { Refusal } from "../refusal.ts";
import { CHALLENGE_MS } from "./challenges.ts";
import { createSingleSignOn, type FederatedUser, type RoleMapping, type SingleSignOn } from "./single-sign-on.ts";

const ISSUER = "https://idp.example";
const ROLES: readonly RoleMapping[] = [
  { group: "readers", role: "viewer", account: null },
  { group: "platform", role: "admin", account: null },
  { group: "platform-owners", role: "owner", account: null },
  { group: "acme", role: "viewer", account: "acme" },
  { group: "acme-admins", role: "admin", account: "acme" },
  { group: "late", role: "owner", account: "not-yet" },
];

let operators: TestOperators;
let singleSignOn: SingleSignOn;
/** The user whom the identity provider names next. The checks of its answers are tested against a real provider. */
let user: FederatedUser;

beforeEach(async () => {
  operators = await openTestOperators();
  await operators.add("owner@example.com", "owner");
  await operators.newEvents();
  user = { issuer: ISSUER, subject: "1", email: "Alice@Example.com", isEmailVerified: true, groups: ["platform"] };
  singleSignOn = createSingleSignOn(
    operators.dependencies,
    {
      issuer: ISSUER,
      start: (state) => Promise.resolve({ url: ISSUER, flow: { state, nonce: "n", codeVerifier: "v" } }),
      finish: () => Promise.resolve(user),
    },
    ROLES,
  );
});

afterEach(() => operators.close());

async function come(changes: Partial<FederatedUser> = {}) {
  const usual = user;
  user = { ...usual, ...changes };
  try {
    const { flow } = await singleSignOn.start("https://console.example/callback");
    return await singleSignOn.finish(new URL("https://console.example/callback"), flow, TEST_PLACE);
  } finally {
    user = usual;
  }
}

describe("an operator who signs in by single sign-on", () => {
  test("is created at the first sign-in, without password, passkeys and recovery codes", async () => {
    const { operator, session, secret } = await come();
    assert.deepEqual([operator.email, operator.role, operator.account], ["alice@example.com", "admin", null]);
    assert.equal(session.method, "single_sign_on");
    assert.equal((await operators.authenticate.bySession(secret))?.actor, "operator:alice@example.com");
    assert.equal((await come()).operator.id, operator.id);
    const events = await operators.newEvents();
    assert.deepEqual(
      events.map(({ action }) => action),
      ["operator.created"],
    );
    const signedIn = { operator, session };
    assert.equal(
      await codeOf(operators.own.changePassword(signedIn, { newPassword: "four odd little words" })),
      "conflict",
    );
    assert.equal(await codeOf(operators.own.passkeyOptions(signedIn, "localhost")), "conflict");
    assert.equal(await codeOf(operators.own.renewRecoveryCodes(signedIn)), "conflict");
    assert.equal(await codeOf(operators.changes.reset(ROOT, operator.id)), "conflict");
    assert.equal(await codeOf(operators.changes.change(ROOT, operator.id, { role: "viewer" })), "conflict");
  });

  for (const [groups, role, account] of [
    [["platform", "readers"], "admin", null],
    [["readers", "platform-owners", "platform"], "owner", null],
    [["acme", "acme-admins"], "admin", "acme"],
    [["acme-admins", "readers"], "admin", "acme"],
    [["acme", "readers"], "viewer", null],
    [["acme", "nothing"], "viewer", "acme"],
    [["late", "readers"], "viewer", null],
  ] as const) {
    test(`gets the highest role of their groups: ${groups.join(", ")} give ${role} of ${account ?? "all accounts"}`, async () => {
      const { operator } = await come({ groups });
      assert.deepEqual([operator.role, operator.account], [role, account]);
    });
  }

  for (const groups of [[], ["nothing"], ["Platform"], ["late"], ["platform "]]) {
    test(`is refused without a group that has a role: ${JSON.stringify(groups)}`, async () => {
      assert.equal(await codeOf(come({ groups })), "single_sign_on_failed");
      assert.equal(await operators.store.operators.count(), 1);
    });
  }

  test("with an unverified address isn't named by it, doesn't occupy it, and takes no invitation for it", async () => {
    const unverified = { isEmailVerified: undefined, email: "owner@example.com" };
    const invited = await operators.changes.invite(ROOT, { email: "carol@example.com", role: "viewer", account: null });
    const { operator } = await come(unverified);
    assert.match(operator.email, /^idp\.example\/[0-9a-f]{16}$/);
    assert.equal((await come(unverified)).operator.id, operator.id);
    const other = await come({ ...unverified, subject: "2", email: "carol@example.com" });
    assert.notEqual(other.operator.email, operator.email);
    assert.equal((await come({ subject: "3", isEmailVerified: undefined })).operator.role, "admin");
    assert.equal(
      (await come({ subject: "4" })).operator.email,
      "alice@example.com",
      "the address's real owner signs in under it",
    );
    assert.equal((await operators.links.look(invited.secret)).email, "carol@example.com");
    const actors = (await operators.newEvents()).map(({ actor }) => actor);
    for (const address of ["owner@", "carol@"]) assert.ok(!actors.some((actor) => actor.includes(address)), address);
  });

  test("is identified by issuer and subject: another subject or issuer with the same address is another operator", async () => {
    const first = await come();
    const second = await come({ subject: "2" });
    assert.notEqual(second.operator.id, first.operator.id);
    assert.equal(second.operator.email, "alice@example.com");
    const before = await operators.store.operators.find(first.operator.id);
    assert.match(before?.email ?? "", /^idp\.example\/[0-9a-f]{16}$/);
    const elsewhere = await come({ issuer: "https://new.example" });
    assert.ok(![first.operator.id, second.operator.id].includes(elsewhere.operator.id));
    assert.equal(elsewhere.operator.email, "alice@example.com");
  });

  test("has a fresh sign-in from when the provider asked for credentials, not from when the browser came back", async () => {
    const now = Math.floor(operators.registry.clock.nowMicroseconds() / 1000);
    const isFresh = async (authenticatedAtMs: number | undefined) => {
      const { secret } = await come({ authenticatedAtMs });
      const principal = await operators.authenticate.bySession(secret);
      return principal?.kind === "operator" && principal.isFresh;
    };
    assert.equal(await isFresh(now - 1000), true);
    assert.equal(await isFresh(now - 300_000), false);
    assert.equal(await isFresh(undefined), false);
  });

  test("is refused where credentials had to be asked for anew and the provider didn't, or doesn't say when", async () => {
    const now = Math.floor(operators.registry.clock.nowMicroseconds() / 1000);
    const finish = async (authenticatedAtMs: number | undefined) => {
      user = { ...user, authenticatedAtMs };
      const { flow } = await singleSignOn.start("https://console.example/callback", true);
      return codeOf(singleSignOn.finish(new URL("https://console.example/"), { ...flow, isFresh: true }, TEST_PLACE));
    };
    assert.equal(await finish(now), "accepted");
    assert.equal(await finish(now - 300_000), "single_sign_on_failed");
    assert.equal(await finish(undefined), "single_sign_on_failed");
  });

  test("is recorded in the audit log when refused, under the name that the provider gave", async () => {
    const { operator } = await come();
    await operators.newEvents();
    await codeOf(come({ groups: [] }));
    await codeOf(come({ subject: "stranger", groups: [] }));
    await codeOf(come({ isEmailVerified: false }));
    await codeOf(come({ email: undefined }));
    await operators.refused.flush();
    const events = (await operators.newEvents()).filter(({ action }) => action === "operator.sign_in_refused");
    assert.deepEqual(events.map(({ subject, details }) => `${subject} ${String(details["attempts"])}`).toSorted(), [
      `operator:${operator.id} 1`,
      "operator:unknown 3",
    ]);
  });

  test("gets the role of the present groups, and loses earlier sessions where it is lower", async () => {
    const first = await come();
    const more = await come({ groups: ["platform-owners"] });
    assert.equal(more.operator.role, "owner");
    assert.ok(await operators.authenticate.bySession(first.secret));
    const less = await come({ groups: ["acme"] });
    assert.deepEqual([less.operator.role, less.operator.account], ["viewer", "acme"]);
    assert.equal(await operators.authenticate.bySession(more.secret), undefined);
    assert.ok(await operators.authenticate.bySession(less.secret));
    assert.deepEqual(
      (await operators.newEvents()).map(({ action }) => action),
      ["operator.created", "operator.changed", "operator.changed"],
    );
  });

  test("is deactivated at once, with all sessions, on signing in without a group that has a role", async () => {
    const { secret } = await come();
    assert.equal(await codeOf(come({ groups: [] })), "single_sign_on_failed");
    assert.equal(await operators.authenticate.bySession(secret), undefined);
  });

  test("is refused while deactivated here", async () => {
    const { operator, secret } = await come();
    await operators.changes.change(ROOT, operator.id, { status: "deactivated" });
    assert.equal(await codeOf(come()), "single_sign_on_failed");
    assert.equal(await operators.authenticate.bySession(secret), undefined);
  });

  test("is never matched to an operator from another source by e-mail address", async () => {
    assert.equal(await codeOf(come({ email: "OWNER@example.com" })), "single_sign_on_failed");
    const { operator } = await come();
    assert.equal(await codeOf(come({ email: "owner@example.com" })), "single_sign_on_failed");
    // Another subject, or another issuer's, with the same address is another operator.
    assert.notEqual((await come({ email: operator.email, subject: "2" })).operator.id, operator.id);
    assert.notEqual((await come({ subject: "1", issuer: "https://other.example" })).operator.id, operator.id);
  });

  test("is the same operator under a new address", async () => {
    const { operator } = await come();
    const renamed = await come({ email: "alice.new@example.com" });
    assert.equal(renamed.operator.id, operator.id);
    assert.equal((await operators.store.operators.find(operator.id))?.email, "alice.new@example.com");
  });

  for (const [what, changes] of [
    ["no address", { email: undefined }],
    ["an invalid address", { email: "alice" }],
    ["an unverified address", { isEmailVerified: false }],
  ] as const satisfies readonly (readonly [string, Partial<FederatedUser>])[]) {
    test(`is refused with ${what}`, async () => {
      assert.equal(await codeOf(come(changes)), "single_sign_on_failed");
    });
  }

  test("voids an invitation for the same address", async () => {
    const { secret } = await operators.changes.invite(ROOT, {
      email: "alice@example.com",
      role: "owner",
      account: null,
    });
    await come();
    assert.equal(await codeOf(operators.links.look(secret)), "link_invalid");
  });
});

test("the first operator may sign in by single sign-on, which voids the set-up link", async () => {
  const fresh = await openTestOperators();
  const made = await fresh.changes.makeSetupLink("system");
  const sso = createSingleSignOn(
    fresh.dependencies,
    {
      issuer: ISSUER,
      start: (state) => Promise.resolve({ url: ISSUER, flow: { state, nonce: "n", codeVerifier: "v" } }),
      finish: () => Promise.resolve({ ...user, groups: ["platform-owners"] }),
    },
    ROLES,
  );
  const { flow } = await sso.start("");
  const first = await sso.finish(new URL(ISSUER), flow, TEST_PLACE);
  assert.equal(first.operator.role, "owner");
  assert.equal(await codeOf(fresh.links.look(made?.secret ?? "")), "link_invalid");

  // The last owner stays owner, since groups must not leave the store without one, but is refused.
  user = { ...user, groups: ["readers"] };
  const less = createSingleSignOn(
    fresh.dependencies,
    { issuer: ISSUER, start: () => Promise.reject(new Error()), finish: () => Promise.resolve(user) },
    ROLES,
  );
  assert.equal(
    await codeOf(less.finish(new URL(ISSUER), (await sso.start("")).flow, TEST_PLACE)),
    "single_sign_on_failed",
  );
  assert.equal((await fresh.store.operators.find(first.operator.id))?.role, "owner");
  assert.equal(await fresh.authenticate.bySession(first.secret), undefined);
  await fresh.close();
});

describe("a sign-in through the identity provider", () => {
  const finish = (state: string) =>
    singleSignOn.finish(new URL(ISSUER), { state, nonce: "n", codeVerifier: "v" }, TEST_PLACE);

  test("can be completed once: its answer can't be used again", async () => {
    const { flow } = await singleSignOn.start("");
    const codes = await Promise.all([codeOf(finish(flow.state)), codeOf(finish(flow.state))]);
    assert.deepEqual(codes.toSorted(), ["accepted", "single_sign_on_failed"]);
    assert.equal(await codeOf(finish(flow.state)), "single_sign_on_failed");
  });

  test("takes five minutes at most, exclusive", async () => {
    const { clock } = operators.registry;
    const startMicroseconds = Math.floor(clock.nowMicroseconds() / 1000) * 1000;
    for (const [after, code] of [
      [CHALLENGE_MS - 1, "accepted"],
      [CHALLENGE_MS, "single_sign_on_failed"],
    ] as const) {
      clock.setMicroseconds(startMicroseconds);
      const { flow } = await singleSignOn.start("");
      clock.setMicroseconds(startMicroseconds + after * 1000);
      assert.equal(await codeOf(finish(flow.state)), code, String(after));
    }
  });

  test("must have begun here: a foreign state, or one for another purpose, is refused before the provider is asked", async () => {
    const other = operators.challenges.make({ kind: "sign-in" }).toString("base64url");
    for (const state of ["", "x", other, "A".repeat(72)]) {
      await assert.rejects(
        finish(state),
        (error) => error instanceof Refusal && error.code === "single_sign_on_failed",
      );
    }
  });
});
