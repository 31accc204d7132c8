import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { createSoftwareAuthenticator } from "../../testing/software-authenticator.ts";
import {
  codeOf,
  openTestOperators,
  ROOT,
  TEST_ORIGIN,
  TEST_PASSKEY_PLACE,
  TEST_PASSWORD,
  TEST_PLACE,
  type TestOperators,
} from "../../testing/test-operators.ts";
import { CHALLENGE_MS } from "./challenges.ts";
import type { SignedInByLink } from "./links.ts";
import type { PasskeyId, SessionId } from "./model.ts";
import { PASSKEYS_PER_OPERATOR_MAX } from "./passkeys.ts";

const EMAIL = "alice@example.com";
const NEW_PASSWORD = "seven purple otters juggle";

let operators: TestOperators;
let alice: SignedInByLink;

beforeEach(async () => {
  operators = await openTestOperators();
  alice = await operators.add(EMAIL, "admin", "acme");
  await operators.newEvents();
});

afterEach(() => operators.close());

const signIn = (password: string) => operators.signIn.byPassword({ email: EMAIL, password }, TEST_PLACE);

/** The author, as the operator is now. */
async function now(secret = alice.secret) {
  const principal = await operators.authenticate.bySession(secret);
  assert.equal(principal?.kind, "operator");
  assert.ok(principal?.kind === "operator");
  return principal;
}

async function addPasskey(label?: string, who = alice) {
  const options = await operators.own.passkeyOptions(who, "localhost");
  const response = createSoftwareAuthenticator().create(options, TEST_ORIGIN);
  return operators.own.addPasskey(who, { response, label }, TEST_PASSKEY_PLACE);
}

/** An operator without a password. */
async function addWithPasskey(email: string): Promise<SignedInByLink> {
  const { secret } = await operators.changes.invite(ROOT, { email, role: "admin", account: null });
  const options = await operators.links.passkeyOptions(secret, undefined, "localhost");
  const response = createSoftwareAuthenticator().create(options, TEST_ORIGIN);
  return operators.links.use(secret, { passkey: { response } }, TEST_PASSKEY_PLACE, TEST_PLACE);
}

describe("an operator's own password", () => {
  test("changes if the current one is given, and all other sessions end", async () => {
    const other = await signIn(TEST_PASSWORD);
    await operators.own.changePassword(alice, { currentPassword: TEST_PASSWORD, newPassword: NEW_PASSWORD });
    assert.ok(await operators.authenticate.bySession(alice.secret));
    assert.equal(await operators.authenticate.bySession(other.secret), undefined);
    assert.equal(await codeOf(signIn(TEST_PASSWORD)), "sign_in_rejected");
    await signIn(NEW_PASSWORD);
    const [event, ...more] = await operators.newEvents();
    assert.equal(more.length, 0);
    assert.equal(event?.action, "operator.password_changed");
    assert.equal(event?.accountId, alice.operator.accountId);
  });

  test("doesn't change without the current one or for a wrong one; ten wrong ones block the change and the sign-in", async () => {
    const change = (currentPassword?: string) =>
      operators.own.changePassword(alice, { currentPassword, newPassword: NEW_PASSWORD });
    assert.equal(await codeOf(change()), "field_invalid");
    for (let failure = 0; failure < 10; failure++) {
      assert.equal(await codeOf(change("wrong horse battery staple")), "sign_in_rejected");
    }
    assert.equal(await codeOf(change(TEST_PASSWORD)), "rate_limited");
    assert.equal(await codeOf(signIn(TEST_PASSWORD)), "rate_limited");
    assert.deepEqual(await operators.newEvents(), []);
  });

  test("can't become one that is easily guessed", async () => {
    for (const newPassword of ["short", "passwordpassword", EMAIL]) {
      const change = operators.own.changePassword(alice, { currentPassword: TEST_PASSWORD, newPassword });
      assert.equal(await codeOf(change), "field_invalid");
    }
  });

  test("is set without a current one where there is none", async () => {
    const bob = await addWithPasskey("bob@example.com");
    await operators.own.changePassword(bob, { newPassword: NEW_PASSWORD });
    await operators.signIn.byPassword({ email: "bob@example.com", password: NEW_PASSWORD }, TEST_PLACE);
  });

  test("is changed by one of two changes at once", async () => {
    const change = (newPassword: string) =>
      codeOf(operators.own.changePassword(alice, { currentPassword: TEST_PASSWORD, newPassword }));
    const codes = await Promise.all([change(NEW_PASSWORD), change("eleven green lamps wander")]);
    assert.deepEqual(codes.toSorted(), ["accepted", "conflict"]);
  });
});

describe("an operator's own passkeys", () => {
  test("get the given label, or the authenticator's, and are listed", async () => {
    await addPasskey();
    await addPasskey("My laptop");
    const icloud = createSoftwareAuthenticator({ aaguid: "fbfc3007-154e-4ecc-8c0b-6e020557d7bd" });
    const options = await operators.own.passkeyOptions(alice, "localhost");
    await operators.own.addPasskey(alice, { response: icloud.create(options, TEST_ORIGIN) }, TEST_PASSKEY_PLACE);
    const labels = (await operators.store.passkeys.list(alice.operator.id)).map(({ label }) => label);
    assert.deepEqual(labels, ["This device", "My laptop", "iCloud Keychain"]);
    assert.deepEqual(
      (await operators.newEvents()).map(({ action }) => action),
      Array.from({ length: 3 }, () => "operator.passkey_added"),
    );
  });

  test("are excluded when the browser makes another one, except those of another relying party", async () => {
    const { credentialId } = await addPasskey();
    const here = (await operators.own.passkeyOptions(alice, "localhost")) as { excludeCredentials: { id: string }[] };
    assert.deepEqual(
      here.excludeCredentials.map(({ id }) => id),
      [credentialId],
    );
    const there = (await operators.own.passkeyOptions(alice, "a.example")) as { excludeCredentials: object[] };
    assert.deepEqual(there.excludeCredentials, []);
  });

  test("can't have a label that acts on a terminal", async () => {
    assert.equal(await codeOf(addPasskey("\u001b[31mred")), "field_invalid");
    assert.equal(await codeOf(addPasskey(" ")), "field_invalid");
  });

  test("are added only for the operator's own open challenge, once", async () => {
    const bob = await operators.add("bob@example.com", "admin");
    const { clock } = operators.registry;
    const make = async (who: SignedInByLink) =>
      createSoftwareAuthenticator().create(await operators.own.passkeyOptions(who, "localhost"), TEST_ORIGIN);
    const add = (response: unknown, who = alice) =>
      codeOf(operators.own.addPasskey(who, { response }, TEST_PASSKEY_PLACE));
    assert.equal(await add(await make(bob)), "field_invalid");
    const twice = await make(alice);
    assert.deepEqual((await Promise.all([add(twice), add(twice)])).filter((code) => code === "accepted").length, 1);
    assert.equal(await add(twice), "conflict");
    assert.equal(await add(twice, bob), "field_invalid");
    const late = await make(alice);
    clock.advanceSeconds(CHALLENGE_MS / 1000);
    assert.equal(await add(late), "field_invalid");
    for (const response of [null, {}, "x", { id: "x" }]) assert.equal(await add(response), "field_invalid");
  });

  test("are removed one by one, but never the last way to sign in", async () => {
    const bob = await addWithPasskey("bob@example.com");
    const [first] = await operators.store.passkeys.list(bob.operator.id);
    const remove = (id: PasskeyId) => operators.own.removePasskey(bob, id);
    assert.equal(await codeOf(remove(first?.id as PasskeyId)), "conflict");
    const second = await addPasskey(undefined, bob);
    await remove(first?.id as PasskeyId);
    assert.equal(await codeOf(remove(second.id)), "conflict");
    await operators.own.changePassword(bob, { newPassword: NEW_PASSWORD });
    await remove(second.id);
    assert.deepEqual(await operators.store.passkeys.list(bob.operator.id), []);
  });

  test("keep one where the last two are removed at once", async () => {
    const bob = await addWithPasskey("bob@example.com");
    await addPasskey(undefined, bob);
    const ids = (await operators.store.passkeys.list(bob.operator.id)).map(({ id }) => id);
    const codes = await Promise.all(ids.map((id) => codeOf(operators.own.removePasskey(bob, id))));
    assert.deepEqual(codes.toSorted(), ["accepted", "conflict"]);
  });

  test("of another operator can't be found", async () => {
    const bob = await addWithPasskey("bob@example.com");
    const [theirs] = await operators.store.passkeys.list(bob.operator.id);
    assert.equal(await codeOf(operators.own.removePasskey(alice, theirs?.id as PasskeyId)), "not_found");
    assert.equal(await codeOf(operators.own.removePasskey(alice, 9999 as PasskeyId)), "not_found");
  });

  test(`are ${PASSKEYS_PER_OPERATOR_MAX} at most`, async () => {
    for (let count = 0; count < PASSKEYS_PER_OPERATOR_MAX; count++) await addPasskey();
    assert.equal(await codeOf(addPasskey()), "conflict");
  });
});

test("new recovery codes void the previous ones", async () => {
  const codes = await operators.own.renewRecoveryCodes(alice);
  const attempt = (code = "") => operators.signIn.byRecoveryCode({ email: EMAIL, code }, TEST_PLACE);
  assert.equal(await codeOf(attempt(alice.recoveryCodes[0])), "sign_in_rejected");
  await attempt(codes[0]);
  const events = await operators.newEvents();
  assert.deepEqual(
    events.map(({ action }) => action),
    ["operator.recovery_codes_renewed"],
  );
  for (const code of codes) assert.ok(!JSON.stringify(events).includes(code));
});

describe("an operator's own sessions", () => {
  test("end one by one, or all but the present one at once; another operator's can't be found", async () => {
    const second = await signIn(TEST_PASSWORD);
    const third = await signIn(TEST_PASSWORD);
    const bob = await operators.add("bob@example.com", "admin");
    await operators.own.endSession(alice, second.session.id);
    assert.equal(await operators.authenticate.bySession(second.secret), undefined);
    assert.equal(await codeOf(operators.own.endSession(alice, second.session.id)), "not_found");
    assert.equal(await codeOf(operators.own.endSession(alice, bob.session.id)), "not_found");
    assert.equal(await codeOf(operators.own.endSession(alice, 0 as SessionId)), "not_found");
    await operators.own.endOtherSessions(alice);
    assert.equal(await operators.authenticate.bySession(third.secret), undefined);
    assert.ok(await operators.authenticate.bySession(alice.secret));
    assert.ok(await operators.authenticate.bySession(bob.secret));
    await operators.own.endSession(alice, alice.session.id);
    assert.equal(await operators.authenticate.bySession(alice.secret), undefined);
  });
});

test("an operator who was just deactivated can't change anything", async () => {
  const principal = await now();
  await addPasskey();
  const [passkey] = await operators.store.passkeys.list(alice.operator.id);
  const options = await operators.own.passkeyOptions(principal, "localhost");
  const response = createSoftwareAuthenticator().create(options, TEST_ORIGIN);
  await operators.changes.change(ROOT, alice.operator.id, { status: "deactivated" });
  await operators.newEvents();
  for (const attempt of [
    () => operators.own.changePassword(principal, { currentPassword: TEST_PASSWORD, newPassword: NEW_PASSWORD }),
    () => operators.own.addPasskey(principal, { response }, TEST_PASSKEY_PLACE),
    () => operators.own.removePasskey(principal, passkey?.id as PasskeyId),
    () => operators.own.renewRecoveryCodes(principal),
    () => operators.own.endSession(principal, principal.session.id),
    () => operators.own.endOtherSessions(principal),
  ]) {
    assert.equal(await codeOf(attempt()), "sign_in_required");
  }
  assert.deepEqual(await operators.newEvents(), []);
});
