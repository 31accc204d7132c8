import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import {
  openTestOperators,
  ROOT,
  TEST_PASSWORD,
  TEST_PLACE,
  type TestOperators,
} from "../../testing/test-operators.ts";
import type { Store } from "../store/store.ts";
import { ADMIN_TOKENS, SESSION_SECRETS } from "./secrets.ts";
import { SESSION_IDLE_MS, SESSION_MS_MAX, sessionEnds } from "./sessions.ts";

let operators: TestOperators;
/** The writes of when a session or token was last seen. */
let touches = 0;
let isReadOnly = false;

beforeEach(async () => {
  touches = 0;
  isReadOnly = false;
  operators = await openTestOperators((store) => {
    const counted = <Repository extends Store["sessions"] | Store["adminTokens"]>(
      repository: Repository,
    ): Repository => ({
      ...repository,
      touch: async (id: never, atMs: number) => {
        touches++;
        if (isReadOnly) throw new Error("the store can't be written");
        await repository.touch(id, atMs);
      },
    });
    return { ...store, sessions: counted(store.sessions), adminTokens: counted(store.adminTokens) };
  });
});

afterEach(() => operators.close());

/** Moves the clock forward by so much. */
function wait(milliseconds: number): void {
  operators.registry.clock.advanceSeconds(milliseconds / 1000);
}

describe("a session", () => {
  test("names its operator, with the present role and account", async () => {
    const { secret, operator, session } = await operators.add("alice@example.com", "admin", "acme");
    const principal = await operators.authenticate.bySession(secret);
    assert.equal(principal?.kind, "operator");
    assert.equal(principal?.actor, "operator:alice@example.com");
    assert.equal(principal?.role, "admin");
    assert.equal(principal?.account, "acme");
    assert.equal(principal?.kind === "operator" && principal.session.id, session.id);
    await operators.changes.change(ROOT, operator.id, { role: "owner" });
    assert.equal((await operators.authenticate.bySession(secret))?.role, "owner");
  });

  test("ends an hour after it was last seen, and not a millisecond earlier", async () => {
    const { secret } = await operators.add("alice@example.com", "viewer");
    wait(SESSION_IDLE_MS - 1);
    assert.ok(await operators.authenticate.bySession(secret));
    wait(SESSION_IDLE_MS);
    assert.equal(await operators.authenticate.bySession(secret), undefined);
    wait(-1);
    assert.ok(await operators.authenticate.bySession(secret));
  });

  test("ends twelve hours after it began, however busy it was, and not a millisecond earlier", async () => {
    const { secret, session } = await operators.add("alice@example.com", "viewer");
    const step = SESSION_IDLE_MS / 2;
    for (let at = step; at < SESSION_MS_MAX; at += step) {
      wait(step);
      assert.ok(await operators.authenticate.bySession(secret), String(at));
    }
    wait(step - 1);
    assert.ok(await operators.authenticate.bySession(secret));
    wait(1);
    assert.equal(await operators.authenticate.bySession(secret), undefined);
    assert.equal(sessionEnds(session).endsAtMs, session.createdAtMs + SESSION_MS_MAX);
  });

  test("has its last use written once a minute, and stays valid where that can't be written", async () => {
    const { secret } = await operators.add("alice@example.com", "viewer");
    for (let ask = 0; ask < 3; ask++) await operators.authenticate.bySession(secret);
    wait(59_999);
    await operators.authenticate.bySession(secret);
    await operators.lastSeen.flush();
    assert.equal(touches, 0);
    wait(1);
    await operators.authenticate.bySession(secret);
    await operators.authenticate.bySession(secret);
    assert.equal(touches, 0, "no request waits for it");
    await operators.lastSeen.flush();
    await operators.lastSeen.flush();
    assert.equal(touches, 1);
    isReadOnly = true;
    wait(60_000);
    assert.ok(await operators.authenticate.bySession(secret));
    await assert.rejects(operators.lastSeen.flush(), /can't be written/);
    isReadOnly = false;
    await operators.lastSeen.flush();
    assert.equal(touches, 3, "it is kept for the next try");
  });

  test("that was used just before its idle timeout continues, even before that use was written", async () => {
    const { secret } = await operators.add("alice@example.com", "viewer");
    wait(SESSION_IDLE_MS - 1);
    assert.ok(await operators.authenticate.bySession(secret));
    wait(1);
    assert.ok(await operators.authenticate.bySession(secret));
    await operators.lastSeen.flush();
    wait(SESSION_IDLE_MS - 2);
    assert.ok(await operators.authenticate.bySession(secret));
  });

  test("of a deactivated operator is refused from then on, and stays so after the operator is activated again", async () => {
    await operators.add("owner@example.com", "owner");
    const { secret, operator } = await operators.add("alice@example.com", "admin");
    await operators.changes.change(ROOT, operator.id, { status: "deactivated" });
    assert.equal(await operators.authenticate.bySession(secret), undefined);
    await operators.changes.change(ROOT, operator.id, { status: "active" });
    assert.equal(await operators.authenticate.bySession(secret), undefined);
  });

  test("of an operator whose row says deactivated is refused even if the session's own row remains", async () => {
    const { secret } = await operators.add("alice@example.com", "admin");
    operators.registry.rewrite("update operators set status = 'deactivated'");
    assert.equal(await operators.authenticate.bySession(secret), undefined);
  });

  test("isn't found by any other text: a made-up session, its hash, an admin token", async () => {
    const { secret, session } = await operators.add("alice@example.com", "admin");
    const { random } = operators.dependencies;
    for (const text of [
      "",
      session.secretHash,
      SESSION_SECRETS.make(random),
      ADMIN_TOKENS.make(random),
      `${secret} `,
    ]) {
      assert.equal(await operators.authenticate.bySession(text), undefined);
    }
    assert.equal(await operators.authenticate.byAdminToken(secret), undefined);
  });
});

test("any text that is neither a session nor an admin token is refused, and is never a defect", async () => {
  const secret = fc
    .constantFrom("csse_", "csat_", "csiv_", "")
    .chain((prefix) => fc.string({ unit: "binary" }).map((text) => prefix + text));
  await fc.assert(
    fc.asyncProperty(secret, async (text) => {
      assert.equal(await operators.authenticate.bySession(text), undefined);
      assert.equal(await operators.authenticate.byAdminToken(text), undefined);
    }),
  );
});

describe("an admin token", () => {
  const create = (expiry: number | "never" = "never", account: string | null = null) =>
    operators.changes.createAdminToken(ROOT, { name: "ci", role: "admin", account, expiry });

  test("names its program, until it is revoked", async () => {
    const { secret, token } = await create();
    const principal = await operators.authenticate.byAdminToken(secret);
    assert.equal(principal?.actor, "admin-token:ci");
    assert.equal(principal?.role, "admin");
    await operators.changes.revokeAdminToken(ROOT, token.id);
    assert.equal(await operators.authenticate.byAdminToken(secret), undefined);
    assert.equal(await operators.authenticate.bySession(secret), undefined);
  });

  test("ends at its expiry, and not a millisecond earlier", async () => {
    const now = Math.floor(operators.registry.clock.nowMicroseconds() / 1000);
    const { secret } = await create(now + 10_000);
    operators.registry.clock.setMicroseconds((now + 9999) * 1000);
    assert.ok(await operators.authenticate.byAdminToken(secret));
    operators.registry.clock.setMicroseconds((now + 10_000) * 1000);
    assert.equal(await operators.authenticate.byAdminToken(secret), undefined);
  });

  test("has its first use written, and then one use a minute", async () => {
    const { secret } = await create();
    for (let ask = 0; ask < 3; ask++) await operators.authenticate.byAdminToken(secret);
    assert.equal(touches, 0, "no request waits for it");
    await operators.lastSeen.flush();
    assert.equal(touches, 1);
    wait(60_000);
    await operators.authenticate.byAdminToken(secret);
    await operators.lastSeen.flush();
    assert.equal(touches, 2);
  });
});

test("a session or token that is limited to an account can only read while that account is deactivated", async () => {
  const { secret } = await operators.add("alice@example.com", "owner", "acme");
  const wanted = { name: "ci", role: "admin", account: "acme", expiry: "never" } as const;
  const { secret: token } = await operators.changes.createAdminToken(ROOT, wanted);
  await operators.registry.changes.setAccountStanding("test", "acme", "deactivated");
  assert.equal((await operators.authenticate.bySession(secret))?.role, "viewer");
  assert.equal((await operators.authenticate.byAdminToken(token))?.role, "viewer");
  await operators.signIn.byPassword({ email: "alice@example.com", password: TEST_PASSWORD }, TEST_PLACE);
  await operators.registry.changes.setAccountStanding("test", "acme", "active");
  assert.equal((await operators.authenticate.bySession(secret))?.role, "owner");
  assert.equal((await operators.authenticate.byAdminToken(token))?.role, "admin");
});
