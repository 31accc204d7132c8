import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type AnswerChanges, createSoftwareAuthenticator } from "../../testing/software-authenticator.ts";
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
import { Refusal } from "../refusal.ts";
import type { Role } from "@countersign/protocol";
import { hashSecret } from "../secret-form.ts";
import { LINK_SECRETS } from "./secrets.ts";
import type { LinkAnswer } from "./links.ts";
import { LINK_MS } from "./invitations.ts";

const EMAIL = "alice@example.com";
const OTHER_PASSWORD = "seven purple otters juggle";

let operators: TestOperators;

beforeEach(async () => {
  operators = await openTestOperators();
});

afterEach(() => operators.close());

const use = (secret: string, answer: LinkAnswer = { password: TEST_PASSWORD }) =>
  operators.links.use(secret, answer, TEST_PASSKEY_PLACE, TEST_PLACE);

async function setup(): Promise<string> {
  const made = await operators.changes.makeSetupLink("system");
  assert.ok(made);
  return made.secret;
}

const invite = async (email = EMAIL, role: Role = "admin", account: string | null = null) =>
  (await operators.changes.invite(ROOT, { email, role, account })).secret;

async function makePasskey(secret: string, changes: AnswerChanges = {}, email?: string) {
  const options = await operators.links.passkeyOptions(secret, email, "localhost");
  return createSoftwareAuthenticator().create(options, TEST_ORIGIN, changes);
}

describe("the set-up link", () => {
  test("makes the first owner with the address given, and signs them in with ten recovery codes", async () => {
    const secret = await setup();
    const { kind, email, role } = await operators.links.look(secret);
    assert.deepEqual([kind, email, role], ["setup", null, "owner"]);
    const {
      operator,
      recoveryCodes,
      secret: session,
    } = await use(secret, { email: " ALICE@example.com", password: TEST_PASSWORD });
    assert.deepEqual([operator.email, operator.role, operator.accountId], [EMAIL, "owner", null]);
    assert.equal(new Set(recoveryCodes).size, 10);
    assert.equal((await operators.authenticate.bySession(session))?.role, "owner");
    const events = await operators.newEvents();
    assert.deepEqual(
      events.map(({ actor, action }) => `${actor} ${action}`),
      ["system invitation.created", `operator:${EMAIL} operator.created`],
    );
    const written = JSON.stringify(events);
    for (const hidden of [secret, session, TEST_PASSWORD, ...recoveryCodes]) assert.ok(!written.includes(hidden));
  });

  test("needs an e-mail address, and stays valid after a wrong one", async () => {
    const secret = await setup();
    for (const email of [undefined, "", "alice", "a@b@c"]) {
      const answer = { password: TEST_PASSWORD, ...(email !== undefined && { email }) };
      assert.equal(await codeOf(use(secret, answer)), "field_invalid");
    }
    await use(secret, { email: EMAIL, password: TEST_PASSWORD });
  });

  test("is void once there is a newer one, or an operator from any source", async () => {
    const first = await setup();
    const second = await setup();
    assert.equal(await codeOf(operators.links.look(first)), "link_invalid");
    await use(await invite());
    assert.equal(await codeOf(use(second, { email: "b@example.com", password: TEST_PASSWORD })), "link_invalid");
    assert.equal(await operators.changes.makeSetupLink("system"), undefined);
  });

  test("used by several callers at once makes one owner", async () => {
    const secret = await setup();
    const codes = await Promise.all(
      Array.from({ length: 4 }, (_, at) =>
        codeOf(use(secret, { email: `${at}@example.com`, password: TEST_PASSWORD })),
      ),
    );
    assert.deepEqual(codes.toSorted(), ["accepted", "link_invalid", "link_invalid", "link_invalid"]);
    assert.equal(await operators.store.operators.count(), 1);
  });

  test("makes one owner even if two nodes that started together made one link each", async () => {
    const mine = await setup();
    // A link of another node, which hasn't seen this one.
    const { random } = operators.dependencies;
    const theirs = LINK_SECRETS.make(random);
    await operators.store.transaction(async (transaction) => {
      const made = await transaction.invitations.findBySecret((await operators.links.look(mine)).secretHash);
      assert.ok(made);
      const { id: _, account: __, ...invitation } = made;
      await transaction.invitations.insert({ ...invitation, secretHash: hashSecret(theirs) });
    });
    const codes = await Promise.all([
      codeOf(use(mine, { email: "a@example.com", password: TEST_PASSWORD })),
      codeOf(use(theirs, { email: "b@example.com", password: TEST_PASSWORD })),
    ]);
    assert.deepEqual(codes.toSorted(), ["accepted", "link_invalid"]);
    assert.equal(await operators.store.operators.count(), 1);
  });
});

describe("an invitation", () => {
  test("makes an operator with its own address, role and account, whatever address the request has", async () => {
    const { operator } = await use(await invite(EMAIL, "viewer", "acme"), {
      email: "mallory@example.com",
      password: TEST_PASSWORD,
    });
    assert.deepEqual([operator.email, operator.role, operator.account], [EMAIL, "viewer", "acme"]);
  });

  test("is valid until its end, exclusive", async () => {
    const { clock } = operators.registry;
    const secret = await invite();
    const { expiresAtMs, createdAtMs } = await operators.links.look(secret);
    assert.equal(expiresAtMs - createdAtMs, LINK_MS);
    clock.setMicroseconds(expiresAtMs * 1000);
    assert.equal(await codeOf(operators.links.look(secret)), "link_invalid");
    assert.equal(await codeOf(use(secret)), "link_invalid");
    clock.setMicroseconds((expiresAtMs - 1) * 1000);
    await operators.links.look(secret);
    await use(secret);
  });

  test("is valid once: of several callers at once, one is signed in", async () => {
    const secret = await invite();
    const codes = await Promise.all(Array.from({ length: 3 }, () => codeOf(use(secret))));
    assert.deepEqual(codes.toSorted(), ["accepted", "link_invalid", "link_invalid"]);
    assert.equal(await codeOf(operators.links.look(secret)), "link_invalid");
  });

  test("stays valid after a request with a refused password or no credential", async () => {
    const secret = await invite();
    for (const answer of [{}, { password: "short" }, { password: "passwordpassword" }, { password: EMAIL }]) {
      assert.equal(await codeOf(use(secret, answer)), "field_invalid");
    }
    await use(secret);
  });

  test("is void once an operator has its address", async () => {
    const first = await invite();
    const { createdAtMs } = await operators.links.look(first);
    // As after a restore, or a first sign-in by single sign-on.
    await operators.store.transaction((transaction) =>
      transaction.operators.insert({
        email: EMAIL,
        role: "viewer",
        accountId: null,
        passwordHash: null,
        federated: null,
        createdAtMs,
      }),
    );
    assert.equal(await codeOf(use(first)), "link_invalid");
  });

  test("may be used with a passkey alone, which then signs in; its label is the given one, or the authenticator's", async () => {
    const secret = await invite();
    const { operator } = await use(secret, { passkey: { response: await makePasskey(secret) } });
    assert.equal(operator.passwordHash, null);
    const [passkey] = await operators.store.passkeys.list(operator.id);
    assert.equal(passkey?.label, "This device");
    assert.deepEqual(passkey?.transports, ["internal"]);
    assert.equal(passkey?.relyingParty, "localhost");
    const other = await invite("bob@example.com");
    const named = await use(other, { passkey: { response: await makePasskey(other), label: "My key" } });
    assert.equal((await operators.store.passkeys.list(named.operator.id))[0]?.label, "My key");
  });

  test("asks for a discoverable passkey, and for no attestation", async () => {
    const options = (await operators.links.passkeyOptions(await invite(), undefined, "localhost")) as {
      attestation: string;
      authenticatorSelection: object;
      user: { name: string; id: string };
    };
    assert.equal(options.attestation, "none");
    assert.deepEqual(options.authenticatorSelection, {
      residentKey: "required",
      requireResidentKey: true,
      userVerification: "required",
    });
    assert.equal(options.user.name, EMAIL);
    assert.doesNotMatch(Buffer.from(options.user.id, "base64url").toString("latin1"), /alice/);
  });

  for (const [what, changes] of [
    ["at another origin", { origin: "http://localhost:1" }],
    ["for another relying party", { relyingParty: "evil.example" }],
    ["for a challenge of its own", { challenge: Buffer.alloc(54, 1).toString("base64url") }],
    ["as an answer to a sign-in", { type: "webauthn.get" }],
    ["in a frame of another page", { crossOrigin: true }],
    ["for a user who wasn't verified", { isUserVerified: false }],
    ["with an attestation that wasn't asked for", { certificates: [Buffer.alloc(40)] }],
  ] as const satisfies readonly (readonly [string, AnswerChanges])[]) {
    test(`refuses a passkey that was made ${what}, and stays valid`, async () => {
      const secret = await invite();
      const response = await makePasskey(secret, changes);
      assert.equal(await codeOf(use(secret, { passkey: { response } })), "field_invalid");
      await use(secret, { passkey: { response: await makePasskey(secret) } });
    });
  }

  test("refuses a passkey that was made for another link, or is registered already", async () => {
    const mine = await invite();
    const theirs = await invite("bob@example.com");
    const made = await makePasskey(theirs);
    assert.equal(await codeOf(use(mine, { passkey: { response: made } })), "field_invalid");
    await use(theirs, { passkey: { response: made } });
    const authenticator = createSoftwareAuthenticator();
    const options = (await operators.links.passkeyOptions(mine, undefined, "localhost")) as object;
    const response = authenticator.create(options, TEST_ORIGIN);
    await use(mine, { passkey: { response } });
  });
});

describe("a reset", () => {
  test("changes nothing until it is used; then it removes the operator's previous credentials", async () => {
    const before = await operators.add(EMAIL, "admin", "acme");
    const options = await operators.own.passkeyOptions(before, "localhost");
    const authenticator = createSoftwareAuthenticator();
    await operators.own.addPasskey(
      before,
      { response: authenticator.create(options, TEST_ORIGIN) },
      TEST_PASSKEY_PLACE,
    );
    await operators.newEvents();
    const { secret, invitation } = await operators.changes.reset(ROOT, before.operator.id);
    assert.deepEqual([invitation.kind, invitation.email, invitation.account], ["reset", EMAIL, "acme"]);
    assert.ok(await operators.authenticate.bySession(before.secret));

    const after = await use(secret, { password: OTHER_PASSWORD });
    assert.equal(after.operator.id, before.operator.id);
    assert.deepEqual([after.operator.role, after.operator.account], ["admin", "acme"]);
    assert.equal(await operators.authenticate.bySession(before.secret), undefined);
    assert.ok(await operators.authenticate.bySession(after.secret));
    assert.deepEqual(await operators.store.passkeys.list(after.operator.id), []);
    const attempt = (password: string) => operators.signIn.byPassword({ email: EMAIL, password }, TEST_PLACE);
    assert.equal(await codeOf(attempt(TEST_PASSWORD)), "sign_in_rejected");
    await attempt(OTHER_PASSWORD);
    const [oldCode = ""] = before.recoveryCodes;
    const byCode = (code: string) => operators.signIn.byRecoveryCode({ email: EMAIL, code }, TEST_PLACE);
    assert.equal(await codeOf(byCode(oldCode)), "sign_in_rejected");
    await byCode(after.recoveryCodes[0] ?? "");
    const events = await operators.newEvents();
    assert.deepEqual(
      events.map(({ action }) => action),
      ["invitation.created", "operator.passkey_removed", "operator.password_changed", "operator.session_ended"],
    );
    for (const { accountId } of events) assert.equal(accountId, before.operator.accountId);
  });

  test("used with a passkey alone removes the password", async () => {
    const before = await operators.add(EMAIL, "admin");
    const { secret } = await operators.changes.reset(ROOT, before.operator.id);
    await use(secret, { passkey: { response: await makePasskey(secret) } });
    const attempt = operators.signIn.byPassword({ email: EMAIL, password: TEST_PASSWORD }, TEST_PLACE);
    assert.equal(await codeOf(attempt), "sign_in_rejected");
  });

  test("is refused for a deactivated operator, also after they are activated again", async () => {
    const { operator } = await operators.add(EMAIL, "admin");
    const { secret } = await operators.changes.reset(ROOT, operator.id);
    await operators.changes.change(ROOT, operator.id, { status: "deactivated" });
    assert.equal(await codeOf(use(secret)), "link_invalid");
    assert.equal(await codeOf(operators.changes.reset(ROOT, operator.id)), "conflict");
    await operators.changes.change(ROOT, operator.id, { status: "active" });
    assert.equal(await codeOf(use(secret)), "link_invalid");
  });
});

test("an invalid link is refused with the same message, whatever is wrong with it and wherever it is used", async () => {
  const used = await invite("used@example.com");
  await use(used);
  const withdrawn = await operators.changes.invite(ROOT, { email: "w@example.com", role: "admin", account: null });
  await operators.changes.withdrawInvitation(ROOT, withdrawn.invitation.id);
  const replaced = await invite("r@example.com");
  await invite("r@example.com");
  const { random } = operators.dependencies;
  const messages = new Set<string>();
  for (const secret of ["", "csiv_", LINK_SECRETS.make(random), used, withdrawn.secret, replaced, `${replaced}x`]) {
    for (const attempt of [
      () => operators.links.look(secret),
      () => operators.links.passkeyOptions(secret, EMAIL, "localhost"),
      () => use(secret),
      () => use(secret, {}),
    ]) {
      await assert.rejects(attempt(), (error) => {
        assert.ok(error instanceof Refusal);
        messages.add(JSON.stringify([error.code, error.message, error.detail]));
        return true;
      });
    }
  }
  assert.equal(messages.size, 1);
});
