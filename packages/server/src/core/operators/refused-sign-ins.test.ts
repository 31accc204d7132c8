import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  codeOf,
  openTestOperators,
  TEST_PASSKEY_PLACE,
  TEST_PASSWORD,
  TEST_PLACE,
  type TestOperators,
} from "../../testing/test-operators.ts";
import { createRefusedSignIns, REFUSED_EVENTS_MAX } from "./refused-sign-ins.ts";
import type { OperatorId } from "./model.ts";

const EMAIL = "alice@example.com";

describe("a refused sign-in", () => {
  let operators: TestOperators;
  beforeEach(async () => {
    operators = await openTestOperators();
    await operators.add(EMAIL, "viewer", "acme");
    await operators.newEvents();
  });
  afterEach(() => operators.close());

  const guess = (email: string, password: string, address = "192.0.2.1") =>
    codeOf(operators.signIn.byPassword({ email, password }, { ...TEST_PLACE, address }));
  const written = async () => {
    await operators.refused.flush();
    return operators.newEvents();
  };

  test("is in the audit log, counted with the others of that minute, under the operator whose address was tried", async () => {
    for (let attempt = 0; attempt < 12; attempt++) await guess(EMAIL, "wrong", `192.0.2.${attempt}`);
    await codeOf(operators.signIn.byRecoveryCode({ email: EMAIL, code: "wrong" }, TEST_PLACE));
    const [event, ...others] = await written();
    assert.deepEqual(others, []);
    assert.equal(event?.action, "operator.sign_in_refused");
    assert.equal(event?.actor, "system");
    const alice = await operators.store.operators.findByEmail(EMAIL);
    assert.equal(event?.subject, `operator:${alice?.id}`);
    assert.equal(event?.accountId, alice?.accountId, "an operator of the same account sees it");
    assert.deepEqual(event?.details, {
      email: EMAIL,
      // Sign-ins that the limit refused count as well.
      attempts: 13,
      methods: "password, recovery_code",
      address: "192.0.2.0",
      other_addresses: true,
    });
    assert.deepEqual(await written(), [], "nothing is written twice");
  });

  test("is one event a minute for unknown addresses, and contains nothing of what was typed", async () => {
    const typed = Array.from({ length: 30 }, (_, at) => `my-secret-password-${at}@example.com`);
    for (const email of typed) await guess(email, "another secret");
    await codeOf(operators.signIn.byPasskey({}, TEST_PASSKEY_PLACE, TEST_PLACE));
    const events = await written();
    assert.deepEqual(
      events.map(({ subject, details, accountId }) => [subject, details["attempts"], details["methods"], accountId]),
      [["operator:unknown", 31, "passkey, password", undefined]],
    );
    assert.doesNotMatch(JSON.stringify(events), /secret/);
  });

  test("includes a wrong current password in a password change, as a thief of a session may guess", async () => {
    const alice = await operators.signIn.byPassword({ email: EMAIL, password: TEST_PASSWORD }, TEST_PLACE);
    const change = { currentPassword: "wrong", newPassword: "another fine long one" };
    assert.equal(await codeOf(operators.own.changePassword(alice, change)), "sign_in_rejected");
    assert.equal((await written())[0]?.details["attempts"], 1);
  });

  test("is kept for the next flush where it can't be written", async () => {
    let isDown = true;
    const { commit } = operators.dependencies;
    const refused = createRefusedSignIns((...change) =>
      isDown ? Promise.reject(new Error("down")) : commit(...change),
    );
    const note = () => refused.note({ operator: undefined, method: "password", address: "192.0.2.1" });
    note();
    await assert.rejects(refused.flush());
    note();
    isDown = false;
    await refused.flush();
    assert.equal((await operators.newEvents())[0]?.details["attempts"], 2);
  });

  test("is one of at most twenty events a minute; one event has the sum for all further operators", async () => {
    for (let id = 1; id <= 30; id++) {
      for (let attempt = 0; attempt < id; attempt++) {
        const operator = { id: id as OperatorId, email: `${id}@example.com`, accountId: null };
        operators.refused.note({ operator, method: "password", address: "192.0.2.1" });
      }
    }
    const events = await written();
    assert.equal(events.length, REFUSED_EVENTS_MAX);
    assert.equal(events[0]?.details["attempts"], 30);
    assert.equal(events.at(-1)?.subject, "operator:unknown");
    const sum = events.reduce((total, { details }) => total + Number(details["attempts"]), 0);
    assert.equal(sum, (30 * 31) / 2);
  });
});
