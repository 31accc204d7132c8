import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ROLES } from "@countersign/protocol";
import {
  codeOf,
  openTestOperators,
  ROOT,
  TEST_PASSWORD,
  TEST_PLACE,
  type TestOperators,
} from "../../testing/test-operators.ts";
import type { SignedInByLink } from "./links.ts";
import type { AdminTokenId, InvitationId, OperatorId, SessionId } from "./model.ts";
import type { Author } from "../change/change-tx.ts";

let operators: TestOperators;
let owner: SignedInByLink;
/** An owner who is limited to the account acme. */
let limited: SignedInByLink;
let limitedAuthor: Author;

beforeEach(async () => {
  operators = await openTestOperators();
  owner = await operators.add("owner@example.com", "owner");
  limited = await operators.add("limited@example.com", "owner", "acme");
  limitedAuthor = operators.author(limited.operator);
  await operators.newEvents();
});

afterEach(() => operators.close());

const change = (
  author: Author,
  { operator }: SignedInByLink,
  changed: Parameters<TestOperators["changes"]["change"]>[2],
) => operators.changes.change(author, operator.id, changed);

describe("an operator", () => {
  test("keeps the operator's sessions when their permissions grow, and ends them when their permissions shrink", async () => {
    const bob = await operators.add("bob@example.com", "viewer", "acme");
    const isSignedIn = async () => (await operators.authenticate.bySession(bob.secret)) !== undefined;
    const again = async () => {
      const { secret } = await operators.changes.reset(ROOT, bob.operator.id);
      const letIn = await operators.links.use(secret, { password: "four odd little words" }, undefined, TEST_PLACE);
      Object.assign(bob, { secret: letIn.secret });
    };
    await change(ROOT, bob, { role: "admin" });
    assert.ok(await isSignedIn());
    await change(ROOT, bob, { account: null });
    assert.ok(await isSignedIn());
    await change(ROOT, bob, {});
    assert.ok(await isSignedIn());
    await change(ROOT, bob, { account: "other" });
    assert.ok(!(await isSignedIn()));
    await again();
    await change(ROOT, bob, { account: "acme" });
    assert.ok(!(await isSignedIn()), "another account isn't a larger permission");
    await again();
    await change(ROOT, bob, { role: "viewer" });
    assert.ok(!(await isSignedIn()));
    await again();
    await change(ROOT, bob, { status: "deactivated" });
    assert.ok(!(await isSignedIn()));
  });

  test("leaves an event for each thing that changed, and none where nothing did", async () => {
    const bob = await operators.add("bob@example.com", "viewer");
    await operators.newEvents();
    const changed = await change(ROOT, bob, { role: "admin", account: "acme", status: "deactivated" });
    assert.deepEqual([changed.role, changed.account, changed.status], ["admin", "acme", "deactivated"]);
    const events = await operators.newEvents();
    assert.deepEqual(
      events.map(({ action }) => action),
      ["operator.changed", "operator.deactivated"],
    );
    assert.deepEqual(events[0]?.details, {
      email: "bob@example.com",
      role: "admin",
      account: "acme",
      previous_role: "viewer",
      previous_account: null,
    });
    assert.equal(events[1]?.accountId, limited.operator.accountId);
    await change(ROOT, bob, { role: "admin", account: "acme", status: "deactivated" });
    assert.deepEqual(await operators.newEvents(), []);
  });

  test("can't be limited to an account that doesn't exist", async () => {
    assert.equal(await codeOf(change(ROOT, limited, { account: "nowhere" })), "field_invalid");
  });
});

describe("there is always an owner who is active and not limited", () => {
  for (const [what, changed] of [
    ["deactivated", { status: "deactivated" }],
    ["made an admin", { role: "admin" }],
    ["limited to an account", { account: "acme" }],
  ] as const) {
    test(`the last one can't be ${what}, and no part of such a change is made`, async () => {
      assert.equal(await codeOf(change(ROOT, owner, { ...changed })), "conflict");
      assert.deepEqual(await operators.newEvents(), []);
      assert.ok(await operators.authenticate.bySession(owner.secret));
      const second = await operators.add("second@example.com", "owner");
      await change(operators.author(second.operator), owner, { ...changed });
      assert.equal(await codeOf(change(ROOT, second, { ...changed })), "conflict");
    });
  }

  test("of two owners who deactivate each other at once, one stays active", async () => {
    const second = await operators.add("second@example.com", "owner");
    const codes = await Promise.all([
      codeOf(change(operators.author(owner.operator), second, { status: "deactivated" })),
      codeOf(change(operators.author(second.operator), owner, { status: "deactivated" })),
    ]);
    assert.deepEqual(codes.toSorted(), ["accepted", "conflict"]);
  });

  test("an owner who is deactivated or limited may be changed in any way", async () => {
    await change(ROOT, limited, { role: "viewer", status: "deactivated" });
    await change(ROOT, limited, { account: null, role: "owner" });
    await change(ROOT, limited, { role: "viewer" });
  });
});

describe("an operator who is limited to an account", () => {
  let other: SignedInByLink;

  beforeEach(async () => {
    other = await operators.add("other@example.com", "viewer", "other");
    await operators.newEvents();
  });

  test("can't see anything outside of it: the refusal is the same as for what doesn't exist", async () => {
    const invitation = await operators.changes.invite(ROOT, {
      email: "new@example.com",
      role: "viewer",
      account: "other",
    });
    const token = await operators.changes.createAdminToken(ROOT, {
      name: "everywhere",
      role: "viewer",
      account: null,
      expiry: "never",
    });
    await operators.newEvents();
    const { changes } = operators;
    for (const id of [other.operator.id, owner.operator.id, 9999 as OperatorId]) {
      assert.equal(await codeOf(changes.change(limitedAuthor, id, { status: "deactivated" })), "not_found");
      assert.equal(await codeOf(changes.change(limitedAuthor, id, { account: "acme" })), "not_found");
      assert.equal(await codeOf(changes.reset(limitedAuthor, id)), "not_found");
      assert.equal(await codeOf(changes.endSession(limitedAuthor, id, other.session.id)), "not_found");
    }
    for (const id of [invitation.invitation.id, 9999 as InvitationId]) {
      assert.equal(await codeOf(changes.withdrawInvitation(limitedAuthor, id)), "not_found");
    }
    for (const id of [token.token.id, 9999 as AdminTokenId, { name: "everywhere" }, { name: "nothing" }]) {
      assert.equal(await codeOf(changes.revokeAdminToken(limitedAuthor, id)), "not_found");
    }
    assert.deepEqual(await operators.newEvents(), []);
  });

  test("manages what belongs to it", async () => {
    const bob = await operators.add("bob@example.com", "viewer", "acme");
    await change(limitedAuthor, bob, { role: "owner" });
    await operators.changes.endSession(limitedAuthor, bob.operator.id, bob.session.id);
    await operators.changes.reset(limitedAuthor, bob.operator.id);
    const { invitation } = await operators.changes.invite(limitedAuthor, {
      email: "new@example.com",
      role: "owner",
      account: "acme",
    });
    await operators.changes.withdrawInvitation(limitedAuthor, invitation.id);
    const { token } = await operators.changes.createAdminToken(limitedAuthor, {
      name: "mine",
      role: "owner",
      account: "acme",
      expiry: "never",
    });
    await operators.changes.revokeAdminToken(limitedAuthor, token.id);
    for (const { accountId } of await operators.newEvents()) assert.equal(accountId, limited.operator.accountId);
  });

  test("grants nothing outside of it, and can't tell a missing account from another's", async () => {
    const bob = await operators.add("bob@example.com", "viewer", "acme");
    const attempts = (account: string | null) => [
      () => operators.changes.invite(limitedAuthor, { email: "new@example.com", role: "viewer", account }),
      () => operators.changes.createAdminToken(limitedAuthor, { name: "t", role: "viewer", account, expiry: "never" }),
      () => change(limitedAuthor, bob, { account }),
    ];
    for (const attempt of attempts(null)) assert.equal(await codeOf(attempt()), "forbidden");
    for (const account of ["other", "nowhere"]) {
      for (const attempt of attempts(account)) {
        await assert.rejects(attempt(), {
          code: "field_invalid",
          detail: { fields: [{ field: "/account", message: "There is no account of that name." }] },
        });
      }
    }
  });

  test("can't discover operators elsewhere by inviting their address; the link is refused", async () => {
    await operators.add("elsewhere@example.com", "viewer", "other");
    await operators.add("here@example.com", "viewer", "acme");
    const invite = (email: string) =>
      operators.changes.invite(limitedAuthor, { email, role: "viewer", account: "acme" });
    assert.equal(await codeOf(invite("here@example.com")), "conflict");
    for (const email of ["elsewhere@example.com", owner.operator.email]) {
      const { secret, invitation } = await invite(email);
      assert.equal(invitation.email, email);
      const use = operators.links.use(secret, { password: TEST_PASSWORD }, undefined, TEST_PLACE);
      assert.equal(await codeOf(use), "link_invalid");
    }
    assert.equal((await operators.store.operators.findByEmail("elsewhere@example.com"))?.account, "other");
  });

  test("doesn't replace another account's invitation for the same address", async () => {
    const theirs = await operators.changes.invite(ROOT, { email: "new@example.com", role: "viewer", account: null });
    await operators.changes.invite(limitedAuthor, { email: "new@example.com", role: "viewer", account: "acme" });
    assert.equal((await operators.links.look(theirs.secret)).email, "new@example.com");
  });
});

test("a link to reset an operator's sign-in is void once the operator's role or account changes", async () => {
  const bob = await operators.add("bob@example.com", "viewer", "acme");
  for (const changed of [{ role: "owner", account: null }, { account: "acme" }, { role: "admin" }] as const) {
    const { secret, invitation } = await operators.changes.reset(ROOT, bob.operator.id);
    await operators.newEvents();
    await change(ROOT, bob, changed);
    assert.equal(
      await codeOf(operators.links.use(secret, { password: TEST_PASSWORD }, undefined, TEST_PLACE)),
      "link_invalid",
    );
    assert.deepEqual(
      (await operators.newEvents()).map(({ action, subject }) => [action, subject]),
      [
        ["invitation.withdrawn", `invitation:${invitation.id}`],
        ["operator.changed", `operator:${bob.operator.id}`],
      ],
    );
  }
  const { secret } = await operators.changes.reset(limitedAuthor, bob.operator.id);
  await change(ROOT, bob, { role: "admin" });
  assert.equal((await operators.links.look(secret)).kind, "reset", "where nothing changes, the link stays");
});

test("an operator can't grant more than their own role, nor change operators with a higher one", async () => {
  const admin = await operators.add("admin@example.com", "admin");
  const viewer = await operators.add("viewer@example.com", "viewer");
  const author = operators.author(admin.operator);
  await operators.newEvents();
  for (const attempt of [
    () => change(author, admin, { role: "owner" }),
    () => change(author, viewer, { role: "owner" }),
    () => change(author, owner, { role: "viewer" }),
    () => change(author, owner, { status: "deactivated" }),
    () => operators.changes.reset(author, owner.operator.id),
    () => operators.changes.endSession(author, owner.operator.id, owner.session.id),
    () => operators.changes.invite(author, { email: "new@example.com", role: "owner", account: null }),
    () => operators.changes.createAdminToken(author, { name: "t", role: "owner", account: null, expiry: "never" }),
  ]) {
    assert.equal(await codeOf(attempt()), "forbidden");
  }
  assert.deepEqual(await operators.newEvents(), []);
});

test("an author who was deactivated or demoted while a request waited makes and changes nothing", async () => {
  const { operator } = await operators.add("boss@example.com", "owner");
  const bob = await operators.add("bob@example.com", "viewer");
  const author: Author = { ...operators.author(operator), operator };
  const attempts = [
    () => operators.changes.invite(author, { email: "new@example.com", role: "owner", account: null }),
    () => operators.changes.reset(author, bob.operator.id),
    () => operators.changes.change(author, bob.operator.id, { role: "owner" }),
    () => operators.changes.createAdminToken(author, { name: "t", role: "owner", account: null, expiry: "never" }),
  ];
  for (const less of [{ role: "admin" }, { role: "owner", account: "acme" }, { status: "deactivated" }] as const) {
    await operators.changes.change(ROOT, operator.id, less);
    await operators.newEvents();
    for (const attempt of attempts) assert.equal(await codeOf(attempt()), "sign_in_required", JSON.stringify(less));
    assert.deepEqual(await operators.newEvents(), []);
  }
});

test("a session is ended by an operator with the right to, and only under its own operator's id", async () => {
  const bob = await operators.add("bob@example.com", "viewer");
  const end = (id: SessionId) => operators.changes.endSession(ROOT, bob.operator.id, id);
  assert.equal(await codeOf(end(owner.session.id)), "not_found");
  await end(bob.session.id);
  assert.equal(await operators.authenticate.bySession(bob.secret), undefined);
  assert.equal(await codeOf(end(bob.session.id)), "not_found");
});

test("an owner may grant every role", async () => {
  for (const role of ROLES) {
    const { operator } = await operators.add(`${role}@example.org`, role);
    assert.equal(operator.role, role);
  }
});
