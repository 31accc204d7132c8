import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Role } from "@countersign/protocol";
import { codeOf, openTestOperators, ROOT, type TestOperators } from "../../testing/test-operators.ts";
import type { InvitationId } from "./model.ts";

let operators: TestOperators;

beforeEach(async () => {
  operators = await openTestOperators();
  await operators.add("owner@example.com", "owner");
  await operators.add("limited@example.com", "owner", "acme");
  await operators.newEvents();
});

afterEach(() => operators.close());

describe("an invitation", () => {
  const invite = (email: string, role: Role = "viewer") =>
    operators.changes.invite(ROOT, { email, role, account: null });

  test("replaces the previous one for the same address, in any case", async () => {
    const first = await invite("new@example.com");
    const second = await invite(" New@Example.com");
    assert.equal(await codeOf(operators.links.look(first.secret)), "link_invalid");
    assert.equal((await operators.links.look(second.secret)).email, "new@example.com");
    assert.deepEqual(
      (await operators.newEvents()).map(({ action }) => action),
      ["invitation.created", "invitation.withdrawn", "invitation.created"],
    );
  });

  test("is refused for an existing operator, and for a text that isn't an address", async () => {
    assert.equal(await codeOf(invite("OWNER@example.com")), "conflict");
    for (const email of ["", "x", "a@b@c", "a\0@example.com"])
      assert.equal(await codeOf(invite(email)), "field_invalid");
  });

  test("that is the set-up link can't be withdrawn by its id", async () => {
    const fresh = await openTestOperators();
    const made = await fresh.changes.makeSetupLink("system");
    assert.equal(
      await codeOf(fresh.changes.withdrawInvitation(ROOT, made?.invitation.id as InvitationId)),
      "not_found",
    );
    await fresh.close();
  });

  test("leaves an event with its address and role, and without its secret", async () => {
    const { secret, invitation } = await invite("new@example.com", "admin");
    const [event] = await operators.newEvents();
    assert.equal(event?.subject, `invitation:${invitation.id}`);
    assert.deepEqual(event?.details, {
      kind: "invitation",
      email: "new@example.com",
      role: "admin",
      account: null,
      expires_at_ms: invitation.expiresAtMs,
    });
    const written = JSON.stringify(event);
    assert.ok(!written.includes(secret) && !written.includes(invitation.secretHash));
  });
});
