import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  type AnswerChanges,
  createSoftwareAuthenticator,
  type SoftwareAuthenticator,
} from "../../testing/software-authenticator.ts";
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
import type { Store, StoreTransaction } from "../store/store.ts";
import { CHALLENGE_MS } from "./challenges.ts";
import type { SignedInByLink } from "./links.ts";

const EMAIL = "alice@example.com";

let operators: TestOperators;
let alice: SignedInByLink;
/** The store's methods, in the order in which the rules called them. */
let calls: string[] = [];

/** Records the name of every method that is called, in transactions too. */
function noteCalls(store: Store): Store {
  const noting = <Target extends object>(target: Target, of = ""): Target =>
    new Proxy(target, {
      get(_, name: string) {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member === "object" && member !== null) return noting(member, `${name}.`);
        if (typeof member !== "function") return member;
        return (...parameters: unknown[]) => {
          calls.push(`${of}${name}`);
          if (name !== "transaction") return (member as (...all: unknown[]) => unknown).apply(target, parameters);
          const work = parameters[0] as (transaction: StoreTransaction) => Promise<unknown>;
          return store.transaction((transaction) => work(noting(transaction)));
        };
      },
    });
  return noting(store);
}

beforeEach(async () => {
  operators = await openTestOperators(noteCalls);
  alice = await operators.add(EMAIL, "admin");
});

afterEach(() => operators.close());

/** Everything about a refusal that a caller could see. */
async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    throw new Error("accepted");
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return { code: error.code, message: error.message, detail: error.detail };
  }
}

describe("sign-in by password", () => {
  const attempt = (email: string, password: string) => operators.signIn.byPassword({ email, password }, TEST_PLACE);

  test("writes nothing while too many passwords are being checked", async () => {
    const busy = Array.from({ length: 34 }, () => operators.dependencies.hasher.matches("", null));
    calls = [];
    assert.equal(await codeOf(attempt("stranger@example.com", "x")), "rate_limited");
    assert.deepEqual(calls, []);
    await Promise.all(busy);
  });

  test("begins a new session, whatever the address's case, and records it in the audit log", async () => {
    const first = await attempt(" ALICE@Example.com ", TEST_PASSWORD);
    const second = await attempt(EMAIL, TEST_PASSWORD);
    assert.notEqual(first.secret, second.secret);
    assert.equal((await operators.authenticate.bySession(first.secret))?.actor, `operator:${EMAIL}`);
    assert.equal(first.session.method, "password");
    const events = await operators.store.events.after(0, 1000);
    const { action, actor, details } = events.at(-1) ?? {};
    assert.deepEqual(
      [action, actor, details],
      ["operator.signed_in", `operator:${EMAIL}`, { email: EMAIL, method: "password" }],
    );
    assert.ok(!JSON.stringify(events).includes(first.secret));
  });

  test("records the client's address, and its User-Agent shortened and made harmless", async () => {
    const userAgent = `\u001b[31m${"x".repeat(300)}`;
    const { session } = await operators.signIn.byPassword(
      { email: EMAIL, password: TEST_PASSWORD },
      { address: "192.0.2.9", userAgent },
    );
    assert.equal(session.address, "192.0.2.9");
    assert.equal(session.userAgent.length, 200);
    assert.match(session.userAgent, /^\?\[31mx+$/);
  });

  test("is refused with the same message and the same work, whatever is wrong", async () => {
    const gone = await operators.add("gone@example.com", "admin");
    await operators.changes.change(ROOT, gone.operator.id, { status: "deactivated" });
    const link = await operators.changes.invite(ROOT, { email: "passkey@example.com", role: "admin", account: null });
    const passkey = createSoftwareAuthenticator().create(
      await operators.links.passkeyOptions(link.secret, undefined, "localhost"),
      TEST_ORIGIN,
    );
    await operators.links.use(link.secret, { passkey: { response: passkey } }, TEST_PASSKEY_PLACE, TEST_PLACE);
    const refusals: unknown[] = [];
    const works: string[][] = [];
    const { hasher } = operators.dependencies;
    for (const [email, password] of [
      ["nobody@example.com", TEST_PASSWORD],
      [EMAIL, "wrong horse battery staple"],
      ["passkey@example.com", TEST_PASSWORD],
      ["gone@example.com", TEST_PASSWORD],
      ["gone@example.com", "wrong horse battery staple"],
    ] as const) {
      calls = [];
      const before = hasher.matches.bind(hasher);
      let hashes = 0;
      Object.assign(hasher, {
        matches: (given: string, hash: string | null | undefined) => {
          hashes++;
          return before(given, hash);
        },
      });
      refusals.push(await refusalOf(attempt(email, password)));
      Object.assign(hasher, { matches: before });
      works.push([...calls, `${hashes} hash`]);
    }
    for (const refusal of refusals) assert.deepEqual(refusal, refusals[0]);
    for (const work of works)
      assert.deepEqual(work, ["signInAttempts.count", "operators.findByEmail", "operators.findByEmail", "1 hash"]);
    assert.equal((refusals[0] as { code: string }).code, "sign_in_rejected");
  });

  test("treats an invalid address, or a password that isn't a text, as an unknown operator", async () => {
    const expected = await refusalOf(attempt("nobody@example.com", TEST_PASSWORD));
    for (const email of ["", "alice", "\0", "a@b@c", "x".repeat(300)]) {
      assert.deepEqual(await refusalOf(attempt(email, TEST_PASSWORD)), expected);
    }
    assert.deepEqual(await refusalOf(attempt(EMAIL, "\uD800")), expected);
    assert.deepEqual(await refusalOf(attempt(EMAIL, "")), expected);
  });

  test("is refused after ten failures, whether the operator exists or not, and whatever the address's case", async () => {
    for (const email of [EMAIL, "nobody@example.com"]) {
      for (let failure = 0; failure < 10; failure++) {
        const written = failure % 2 === 0 ? email.toUpperCase() : ` ${email}`;
        assert.equal(await codeOf(attempt(written, "wrong horse battery staple")), "sign_in_rejected");
      }
    }
    const known = await refusalOf(attempt(EMAIL, TEST_PASSWORD));
    assert.deepEqual(await refusalOf(attempt("nobody@example.com", TEST_PASSWORD)), known);
    assert.equal((known as { code: string }).code, "rate_limited");
  });

  test("is refused where the operator is deactivated, or the password changed, while it is checked", async () => {
    for (const sql of [
      "update operators set password_hash = password_hash || 'x'",
      "update operators set status = 'deactivated'",
    ]) {
      const other = await openTestOperators();
      await other.add(EMAIL, "admin");
      const { hasher } = other.dependencies;
      const before = hasher.matches.bind(hasher);
      Object.assign(hasher, {
        matches: async (given: string, hash: string | null | undefined) => {
          const isRight = await before(given, hash);
          other.registry.rewrite(sql);
          return isRight;
        },
      });
      const attempted = other.signIn.byPassword({ email: EMAIL, password: TEST_PASSWORD }, TEST_PLACE);
      assert.equal(await codeOf(attempted), "sign_in_rejected", sql);
      await other.close();
    }
  });
});

describe("sign-in by recovery code", () => {
  const attempt = (email: string, code: string) => operators.signIn.byRecoveryCode({ email, code }, TEST_PLACE);

  test("accepts each of the codes once, however it is typed", async () => {
    for (const [at, code] of alice.recoveryCodes.entries()) {
      const typed = at % 2 === 0 ? code : code.toLowerCase().replaceAll("-", " ");
      const { session } = await attempt(EMAIL, typed);
      assert.equal(session.method, "recovery_code");
      assert.equal(await operators.store.recoveryCodes.count(alice.operator.id), 9 - at);
      assert.equal(await codeOf(attempt(EMAIL, code)), "sign_in_rejected");
    }
  });

  test("is accepted once where one code is used twice at once", async () => {
    const [code = ""] = alice.recoveryCodes;
    const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(attempt(EMAIL, code))));
    assert.deepEqual(codes.toSorted(), ["accepted", ...Array.from({ length: 4 }, () => "sign_in_rejected")]);
  });

  test("is refused with the same message and the same work, whatever is wrong; a refused code isn't used up", async () => {
    await operators.add("bob@example.com", "viewer");
    const gone = await operators.add("gone@example.com", "viewer");
    await operators.changes.change(ROOT, gone.operator.id, { status: "deactivated" });
    const [code = ""] = alice.recoveryCodes;
    const refusals: unknown[] = [];
    const works: string[][] = [];
    for (const [email, typed] of [
      ["nobody@example.com", code],
      ["no address", code],
      [EMAIL, "0000-0000-0000-0000"],
      [EMAIL, "no code"],
      ["bob@example.com", code],
      ["gone@example.com", gone.recoveryCodes[0] ?? ""],
    ] as const) {
      calls = [];
      refusals.push(await refusalOf(attempt(email, typed)));
      works.push(calls);
    }
    for (const refusal of refusals) assert.deepEqual(refusal, refusals[0]);
    for (const work of works)
      assert.deepEqual(work, [
        "signInAttempts.count",
        "transaction",
        "operators.findByEmail",
        "recoveryCodes.use",
        "operators.findByEmail",
      ]);
    await operators.changes.change(ROOT, gone.operator.id, { status: "active" });
    await attempt("gone@example.com", gone.recoveryCodes[0] ?? "");
    await attempt(EMAIL, code);
  });
});

describe("sign-in by passkey", () => {
  let authenticator: SoftwareAuthenticator;

  const options = () => operators.signIn.passkeyOptions("localhost");
  const answer = (response: unknown, place = TEST_PASSKEY_PLACE) =>
    operators.signIn.byPasskey(response, place, TEST_PLACE);

  async function register(who: SignedInByLink, device: SoftwareAuthenticator): Promise<string> {
    const creation = await operators.own.passkeyOptions(who, "localhost");
    const response = device.create(creation, TEST_ORIGIN);
    await operators.own.addPasskey(who, { response }, TEST_PASSKEY_PLACE);
    return response.id;
  }

  beforeEach(async () => {
    authenticator = createSoftwareAuthenticator({ counts: true });
    await register(alice, authenticator);
  });

  test("needs neither an address nor a password", async () => {
    const { operator, session } = await answer(authenticator.get(await options(), TEST_ORIGIN));
    assert.equal(operator.email, EMAIL);
    assert.equal(session.method, "passkey");
    const [passkey] = await operators.store.passkeys.list(operator.id);
    assert.equal(passkey?.counter, 2);
    assert.equal(passkey?.lastUsedAtMs, session.createdAtMs);
  });

  test("asks for any passkey of this relying party whose user was verified", async () => {
    const asked = (await options()) as { rpId: string; userVerification: string; allowCredentials?: unknown[] };
    assert.equal(asked.rpId, "localhost");
    assert.equal(asked.userVerification, "required");
    assert.deepEqual(asked.allowCredentials ?? [], []);
  });

  const strangerKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  for (const [what, changes] of [
    ["another page's origin", { origin: "http://localhost:9999" }],
    ["another site's origin", { origin: "https://evil.example" }],
    ["another relying party", { relyingParty: "evil.example" }],
    ["a challenge of its own", { challenge: Buffer.alloc(54).toString("base64url") }],
    ["a creation's type", { type: "webauthn.create" }],
    ["a frame in another page", { crossOrigin: true }],
    ["a user who wasn't verified", { isUserVerified: false }],
    ["a user who wasn't there", { isUserPresent: false }],
    ["another key's signature", { key: strangerKey }],
    ["an unknown credential id", { credentialId: Buffer.alloc(32).toString("base64url") }],
    ["a counter that stands still", { counter: 1 }],
    ["a counter that went back", { counter: 0 }],
  ] as const satisfies readonly (readonly [string, AnswerChanges])[]) {
    test(`is refused with the same message for ${what}, and the passkey still signs in`, async () => {
      const expected = await refusalOf(answer({}));
      assert.deepEqual(await refusalOf(answer(authenticator.get(await options(), TEST_ORIGIN, changes))), expected);
      await answer(authenticator.get(await options(), TEST_ORIGIN));
    });
  }

  test("is refused for what isn't an answer of an authenticator, and is never a defect", async () => {
    const good = authenticator.get(await options(), TEST_ORIGIN) as unknown as {
      id: string;
      response: Record<string, unknown>;
    };
    const clientDataJSON = good.response["clientDataJSON"];
    for (const response of [
      undefined,
      null,
      "text",
      [],
      {},
      { id: 1 },
      { ...good, response: null },
      { ...good, response: {} },
      { ...good, response: { clientDataJSON } },
      { ...good, response: { ...good.response, clientDataJSON: "e30" } },
      { ...good, response: { ...good.response, clientDataJSON: "bm8" } },
      { ...good, response: { ...good.response, authenticatorData: "" } },
      { ...good, response: { ...good.response, authenticatorData: "AAAA" } },
      { ...good, response: { ...good.response, signature: 7 } },
      { ...good, id: "x".repeat(2000) },
      { ...good, rawId: "other" },
      { ...good, type: "password" },
    ]) {
      assert.equal(await codeOf(answer(response)), "sign_in_rejected", JSON.stringify(response)?.slice(0, 80));
    }
  });

  test("answers a challenge once: of two answers at once, one signs in", async () => {
    const response = authenticator.get(await options(), TEST_ORIGIN);
    const codes = await Promise.all([codeOf(answer(response)), codeOf(answer(response))]);
    assert.deepEqual(codes.toSorted(), ["accepted", "sign_in_rejected"]);
    assert.equal(await codeOf(answer(response)), "sign_in_rejected");
  });

  test("answers a challenge once even where the authenticator doesn't count", async () => {
    const uncounted = createSoftwareAuthenticator();
    await register(alice, uncounted);
    const response = uncounted.get(await options(), TEST_ORIGIN);
    await answer(response);
    assert.equal(await codeOf(answer(response)), "sign_in_rejected");
    await answer(uncounted.get(await options(), TEST_ORIGIN));
  });

  test("answers within five minutes, exclusive", async () => {
    const { clock } = operators.registry;
    const startMicroseconds = Math.floor(clock.nowMicroseconds() / 1000) * 1000;
    clock.setMicroseconds(startMicroseconds);
    const early = authenticator.get(await options(), TEST_ORIGIN);
    clock.setMicroseconds(startMicroseconds + CHALLENGE_MS * 1000 - 1000);
    await answer(early);
    clock.setMicroseconds(startMicroseconds);
    const late = authenticator.get(await options(), TEST_ORIGIN);
    clock.setMicroseconds(startMicroseconds + CHALLENGE_MS * 1000);
    assert.equal(await codeOf(answer(late)), "sign_in_rejected");
  });

  test("refuses a challenge that was issued for making a passkey", async () => {
    const creation = (await operators.own.passkeyOptions(alice, "localhost")) as { challenge: string };
    const response = authenticator.get(await options(), TEST_ORIGIN, { challenge: creation.challenge });
    assert.equal(await codeOf(answer(response)), "sign_in_rejected");
  });

  test("accepts a passkey only for the relying party for which it was made", async () => {
    const elsewhere = { origin: "https://console.example", relyingParty: "console.example" };
    const asked = await operators.signIn.passkeyOptions("console.example");
    assert.equal(
      await codeOf(answer(authenticator.get(asked, elsewhere.origin), elsewhere as never)),
      "sign_in_rejected",
    );
  });

  test("is refused once the operator is deactivated, or the passkey is removed", async () => {
    const [passkey] = await operators.store.passkeys.list(alice.operator.id);
    const kept = createSoftwareAuthenticator();
    await register(alice, kept);
    await operators.own.removePasskey(alice, passkey?.id ?? (0 as never));
    assert.equal(await codeOf(answer(authenticator.get(await options(), TEST_ORIGIN))), "sign_in_rejected");
    await answer(kept.get(await options(), TEST_ORIGIN));
    await operators.changes.change(ROOT, alice.operator.id, { status: "deactivated" });
    assert.equal(await codeOf(answer(kept.get(await options(), TEST_ORIGIN))), "sign_in_rejected");
  });
});
