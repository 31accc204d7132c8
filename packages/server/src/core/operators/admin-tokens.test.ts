import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { codeOf, openTestOperators, ROOT, type TestOperators } from "../../testing/test-operators.ts";
import type { Author } from "../change/change-tx.ts";
import type { TokenExpiry } from "./admin-tokens.ts";

let operators: TestOperators;

beforeEach(async () => {
  operators = await openTestOperators();
  await operators.add("owner@example.com", "owner");
  await operators.add("limited@example.com", "owner", "acme");
  await operators.newEvents();
});

afterEach(() => operators.close());

describe("an admin token", () => {
  const create = (name: string, expiry?: TokenExpiry, author: Author = ROOT, account: string | null = null) =>
    operators.changes.createAdminToken(author, { name, role: "viewer", account, expiry });
  const DAY_MS = 86_400_000;
  const nowMs = () => Math.floor(operators.registry.clock.nowMicroseconds() / 1000);

  test("has a name that is never used again", async () => {
    const { token } = await create("ci");
    assert.equal(await codeOf(create("ci")), "conflict");
    await operators.changes.revokeAdminToken(ROOT, token.id);
    assert.equal(await codeOf(create("ci")), "conflict");
    for (const name of ["", "CI", "a b", "x".repeat(64), "a\n"])
      assert.equal(await codeOf(create(name)), "field_invalid");
  });

  test("ends after 90 days by default; 365 days is the maximum, unless its author asks for no end explicitly", async () => {
    const now = nowMs();
    for (const at of [now, now - 1, Number.NaN, Number.POSITIVE_INFINITY, now + 365 * DAY_MS + 1]) {
      assert.equal(await codeOf(create("t", at)), "field_invalid", String(at));
    }
    assert.equal((await create("usual")).token.expiresAtMs, now + 90 * DAY_MS);
    assert.equal((await create("soon", now + 1)).token.expiresAtMs, now + 1);
    assert.equal((await create("late", now + 365 * DAY_MS)).token.expiresAtMs, now + 365 * DAY_MS);
    assert.equal((await create("endless", "never")).token.expiresAtMs, null);
  });

  test("made with another token ends no later than that one, and is revoked with it", async () => {
    const now = nowMs();
    const parent = (await create("parent", now + DAY_MS)).token;
    const program: Author = { ...ROOT, actor: "admin-token:parent", token: parent };
    assert.equal(await codeOf(create("t", "never", program)), "forbidden");
    assert.equal(await codeOf(create("t", now + DAY_MS + 1, program)), "forbidden");
    const child = (await create("child", undefined, program)).token;
    assert.equal(child.expiresAtMs, parent.expiresAtMs);
    const grandchild = await create("grandchild", now + 1, { ...ROOT, actor: "admin-token:child", token: child });
    const other = await create("other", "never");
    const endless: Author = { ...ROOT, actor: "admin-token:other", token: other.token };
    assert.equal(await codeOf(create("t", "never", endless)), "forbidden", "only an operator may do that");
    assert.equal((await create("of-endless", undefined, endless)).token.expiresAtMs, now + 90 * DAY_MS);
    await operators.newEvents();
    await operators.changes.revokeAdminToken(ROOT, parent.id);
    assert.deepEqual(
      (await operators.newEvents()).map(({ action, details }) => [action, details["name"]]),
      ["parent", "child", "grandchild"].map((name) => ["admin_token.revoked", name]),
    );
    assert.equal(await operators.authenticate.byAdminToken(grandchild.secret), undefined);
    // A request that was authenticated before the revocation, and waited for its turn to write.
    assert.equal(await codeOf(create("late-child", undefined, program)), "sign_in_required");
    assert.ok(await operators.authenticate.byAdminToken(other.secret));
  });

  test("has a name within its account, so that a limited author can't discover another account's names", async () => {
    const limited = operators.author((await operators.add("limited-by-name@example.com", "owner", "acme")).operator);
    await create("ci");
    await create("ci", undefined, ROOT, "other");
    const { token, secret } = await create("ci", undefined, limited, "acme");
    assert.equal((await operators.authenticate.byAdminToken(secret))?.actor, "admin-token:acme/ci");
    assert.equal(await codeOf(create("ci", undefined, limited, "acme")), "conflict");
    assert.equal((await operators.changes.revokeAdminToken(ROOT, { name: "ci" })).accountId, null);
    assert.equal((await operators.changes.revokeAdminToken(ROOT, { name: "acme/ci" })).id, token.id);
    const only = (await create("only", undefined, limited, "acme")).token;
    assert.equal((await operators.changes.revokeAdminToken(ROOT, { name: "only" })).id, only.id);
    await create("twice", undefined, ROOT, "acme");
    await create("twice", undefined, ROOT, "other");
    assert.equal(await codeOf(operators.changes.revokeAdminToken(ROOT, { name: "twice" })), "conflict");
    assert.equal(await codeOf(operators.changes.revokeAdminToken(ROOT, { name: "none" })), "not_found");
  });

  test("made before names contained the account still occupies its name in that account", async () => {
    const { token } = await create("new", undefined, ROOT, "acme");
    await operators.store.transaction((transaction) =>
      transaction.adminTokens.insert({ ...token, name: "legacy", secretHash: "x" }),
    );
    assert.equal(await codeOf(create("legacy", undefined, ROOT, "acme")), "conflict");
    assert.equal(await codeOf(create("legacy")), "conflict");
    assert.equal((await create("legacy", undefined, ROOT, "other")).token.name, "other/legacy");
  });

  test("is revoked once, and stays revoked", async () => {
    const { token, secret } = await create("ci");
    const first = await operators.changes.revokeAdminToken(ROOT, { name: "ci" });
    operators.registry.clock.advanceSeconds(10);
    const second = await operators.changes.revokeAdminToken(ROOT, token.id);
    assert.equal(second.revokedAtMs, first.revokedAtMs);
    const events = await operators.newEvents();
    assert.deepEqual(
      events.map(({ action }) => action),
      ["admin_token.created", "admin_token.revoked"],
    );
    assert.ok(!JSON.stringify(events).includes(secret));
  });
});
