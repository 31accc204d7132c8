/** The rotation of a key by its client, over HTTP, on a real socket and a real store. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { KeyId, PublicKey } from "../../../core/keys/model.ts";
import { ROTATIONS_PER_DAY_MAX } from "../../../core/rotation/rotate.ts";
import { signStatement } from "../../../core/revocation/statement.ts";
import { createCommit } from "../../../core/change/commit.ts";
import { SYSTEM } from "../../../core/change/change-tx.ts";
import { parsePublicKey } from "../../../core/keys/admission.ts";
import type { AccountId } from "../../../core/accounts/model.ts";
import { madeUpModulus } from "../../../testing/made-up-modulus.ts";
import { changeKeyAndDescendants } from "../../../core/keys/descendants.ts";
import { changeUser } from "../../../core/users/changes.ts";
import { buildAssertion } from "../../../testing/build-assertion.ts";
import { type HttpAnswer, postForm, send } from "../../../testing/test-http.ts";
import { startTestService, type TestService, type TestServiceOptions } from "../../../testing/test-service.ts";
import { rsaKeyPair, type RsaKeyPair } from "../../../../../../test/testkit/rsa-keys.ts";
import { signParts } from "../../../../../../test/testkit/sign-assertion.ts";

const PATH = "/api/auth/v0/keys/";
const AUDIENCE = `https://auth.example${PATH}`;
const DAY_MS = 86_400_000;
const alice = rsaKeyPair("alice");
const second = rsaKeyPair("second");
const third = rsaKeyPair("third");

const services: TestService[] = [];
after(() => Promise.all(services.map((each) => each.close())));

/** A service whose user `api-1-demo` may rotate its key 1, that of alice. */
async function start(options?: TestServiceOptions): Promise<TestService> {
  const service = await startTestService(options);
  services.push(service);
  await allowRotation(service, true);
  return service;
}

const commitOf = ({ registry, view, clock }: TestService) =>
  createCommit(registry.store, clock, () => view.feed.catchUp());

async function allowRotation(service: TestService, mayRotate: boolean): Promise<void> {
  await commitOf(service)((tx) => changeUser(tx, "api-1-demo", { mayRotate }), { author: SYSTEM });
}

const nowSeconds = ({ clock }: TestService) => clock.nowMicroseconds() / 1e6;

async function nonce(service: TestService): Promise<string> {
  const { body } = await send(`${service.url}/api/auth/v0/key-challenges/`, "POST");
  return (JSON.parse(body) as { data: { nonce: string } }).data.nonce;
}

let assertions = 0;

/** Names the key among any number of a user's keys. */
const thumbprintOf = ({ publicPem }: RsaKeyPair) => parsePublicKey(publicPem).thumbprint;

/** Adds public keys of which nobody has the private key, since those take long to make. */
function insertKeys({ registry }: TestService, count: number, rotatedFrom: KeyId | null, status: "active" | "revoked") {
  return registry.store.transaction(async (tx) => {
    const { userId } = (await tx.keys.find(1 as KeyId)) as PublicKey;
    for (let number = 1; number <= count; number++) {
      const n = Buffer.from(madeUpModulus(2048));
      n.writeUInt16BE(number, 100);
      const text = JSON.stringify({ kty: "RSA", n: n.toString("base64url"), e: "AQAB" });
      const origin = { rotatedFrom, provedAtMs: null, networks: [], label: null, expiresAtMs: null };
      const owner = { userId, accountId: 1 as AccountId, createdAtMs: registry.clock.wallMs() };
      await tx.keys.setStatus(await tx.keys.insert({ ...parsePublicKey(text), ...origin, ...owner }), status);
    }
  });
}

/** A request to rotate in `to`, authorized by `from`; `change` alters what would be right. */
interface Change {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly proofClaims?: Readonly<Record<string, unknown>>;
  readonly proofKey?: RsaKeyPair;
  readonly body?: Readonly<Record<string, unknown>>;
}

async function requestOf(service: TestService, from: RsaKeyPair, to: RsaKeyPair, change: Change = {}) {
  const iat = nowSeconds(service);
  // The clock stands still, so a counter makes each assertion another.
  const claims = { username: "api-1-demo", iat, aud: AUDIENCE, count: assertions++, ...change.claims };
  const header = { alg: "RS256", kid: thumbprintOf(from) };
  const assertion = buildAssertion(from.privateKey, { claims, header });
  const proofClaims = {
    aud: "https://auth.example",
    sub: "api-1-demo",
    nonce: await nonce(service),
    iat,
    ...change.proofClaims,
  };
  const proof = signParts({ alg: "RS256", typ: "key-proof+jwt" }, proofClaims, (change.proofKey ?? to).privateKey);
  return { assertion, body: { public_key: to.publicPem, proof, ...change.body } };
}

function post(service: TestService, assertion: string, body: unknown, path = PATH): Promise<HttpAnswer> {
  const headers = { Authorization: `JWT ${assertion}`, "Content-Type": "application/json" };
  return send(service.url + path, "POST", { headers, body: JSON.stringify(body) });
}

async function rotate(service: TestService, from: RsaKeyPair, to: RsaKeyPair, change?: Change): Promise<HttpAnswer> {
  const { assertion, body } = await requestOf(service, from, to, change);
  return post(service, assertion, body);
}

interface RotationAnswer {
  readonly meta: {
    readonly code: number;
    readonly warnings: readonly { readonly code: string; readonly message: string }[];
  };
  readonly data: {
    readonly id: number;
    readonly rotated_from: number | null;
    readonly expires_at: string | null;
    readonly label: string | null;
    readonly networks: readonly string[];
    readonly proved_at: string | null;
    readonly previous: { readonly id: number; readonly expires_at: string | null };
  };
}

function parsed(answer: HttpAnswer): RotationAnswer {
  assert.equal(answer.status, 201, answer.body);
  return JSON.parse(answer.body) as RotationAnswer;
}

const codeOf = ({ status, body }: HttpAnswer) => `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? ""}`.trim();
const exchange = (service: TestService, assertion: string) =>
  send(`${service.url}/api/auth/v0/refresh/`, "GET", { headers: { Authorization: `JWT ${assertion}` } });
const exchangeBy = (service: TestService, pair: RsaKeyPair) =>
  exchange(
    service,
    buildAssertion(pair.privateKey, {
      claims: { username: "api-1-demo", iat: nowSeconds(service) },
      header: { alg: "RS256", kid: thumbprintOf(pair) },
    }),
  );
const keyOf = async ({ registry }: TestService, id: number) =>
  (await registry.store.keys.find(id as KeyId)) as PublicKey;
const eventsOf = async ({ registry }: TestService) =>
  (await registry.store.events.after(0, 1000)).map(({ actor, action, subject }) => [actor, action, subject].join(" "));

describe("a rotation", () => {
  test("adds the new key, and lets the old one work for seven more days", async () => {
    const service = await start();
    const nowMs = service.clock.wallMs();
    const answer = await rotate(service, alice, second);
    const { meta, data } = parsed(answer);
    assert.deepEqual(meta, { code: 201, errors: [], warnings: [] });
    assert.deepEqual([data.id, data.rotated_from, data.expires_at], [2, 1, null]);
    assert.equal(data.proved_at, new Date(nowMs).toISOString());
    assert.deepEqual(data.previous, { id: 1, expires_at: new Date(nowMs + 7 * DAY_MS).toISOString() });
    assert.deepEqual((await eventsOf(service)).slice(-2), ["key:1 key.added key:2", "key:1 key.changed key:1"]);
    for (const pair of [alice, second]) assert.equal((await exchangeBy(service, pair)).status, 200);
    service.clock.advanceSeconds((7 * DAY_MS) / 1000);
    await service.view.feed.catchUp();
    assert.equal(codeOf(await exchangeBy(service, alice)), "403 key_expired");
    assert.equal((await exchangeBy(service, second)).status, 200);
  });

  test("can be repeated by the new key, and so on", async () => {
    const service = await start();
    await rotate(service, alice, second);
    const { data } = parsed(await rotate(service, second, third));
    assert.deepEqual([data.id, data.rotated_from, data.previous.id], [3, 2, 2]);
    const descendants = await service.registry.store.keys.listDescendants(1 as KeyId);
    assert.deepEqual(
      descendants.map(({ id }) => id),
      [2, 3],
    );
  });

  for (const [overlap, seconds] of [
    [0, 0],
    [1, 1],
    [2_592_000, 2_592_000],
  ] as const) {
    test(`with an overlap of ${overlap} s lets the old key expire then`, async () => {
      const service = await start();
      const nowMs = service.clock.wallMs();
      const { data } = parsed(await rotate(service, alice, second, { body: { overlap_seconds: overlap } }));
      assert.equal(data.previous.expires_at, new Date(nowMs + seconds * 1000).toISOString());
      assert.equal((await keyOf(service, 1)).expiresAtMs, nowMs + seconds * 1000);
      assert.equal((await exchangeBy(service, alice)).status, overlap === 0 ? 403 : 200);
    });
  }

  test("never prolongs the old key", async () => {
    const service = await start();
    const soonMs = service.clock.wallMs() + 60_000;
    await service.changes.changeKey("test", 1 as KeyId, { expiresAtMs: soonMs });
    const before = (await eventsOf(service)).length;
    const { data } = parsed(await rotate(service, alice, second));
    assert.equal(data.previous.expires_at, new Date(soonMs).toISOString());
    assert.deepEqual((await eventsOf(service)).slice(before), ["key:1 key.added key:2"]);
  });

  test("is refused for a label that can't be stored before its key and its proof cost anything", async () => {
    const service = await start();
    const answer = await rotate(service, alice, second, { proofKey: third, body: { label: "a\nb" } });
    assert.equal(codeOf(answer), "422 field_invalid");
  });

  test("gives the new key the old one's label and networks, unless the client names a label", async () => {
    const service = await start();
    await service.changes.changeKey("test", 1 as KeyId, { label: "billing", networks: ["127.0.0.0/8"] });
    assert.deepEqual([(await keyOf(service, 1)).networks], [["127.0.0.0/8"]]);
    const { data } = parsed(await rotate(service, alice, second));
    assert.deepEqual([data.label, data.networks], ["billing", ["127.0.0.0/8"]]);
    assert.equal(parsed(await rotate(service, second, third, { body: { label: "nightly" } })).data.label, "nightly");
  });

  test("is taken without the trailing slash too", async () => {
    const service = await start();
    const { assertion, body } = await requestOf(service, alice, second);
    assert.equal((await post(service, assertion, body, PATH.slice(0, -1))).status, 201);
  });

  test("whose answer was lost can be repeated, with the same proof or another, and changes nothing more", async () => {
    const service = await start();
    const { assertion, body } = await requestOf(service, alice, second);
    const first = await post(service, assertion, body);
    const before = await eventsOf(service);
    service.clock.advanceSeconds(30);
    for (const again of [
      await post(service, assertion, body),
      await rotate(service, alice, second),
      await rotate(service, alice, second, { body: { overlap_seconds: 0, label: "x" } }),
    ]) {
      assert.deepEqual(parsed(again).data, parsed(first).data);
      assert.equal(again.headers["idempotency-replayed"], "true");
    }
    assert.equal(first.headers["idempotency-replayed"], undefined);
    assert.deepEqual(await eventsOf(service), before);
  });

  test("from a key that has rotated before is allowed, and says so to the client and the operator", async () => {
    const service = await start();
    await rotate(service, alice, second);
    const { meta, data } = parsed(await rotate(service, alice, third));
    assert.equal(data.rotated_from, 1);
    const warning = meta.warnings.find(({ code }) => code === "key_rotated_before");
    assert.match(
      warning?.message ?? "",
      /^Key 1 has rotated in another key: key 2 at .*have key 1 revoked with its descendants\.$/,
    );
  });

  test("warns when a key is tried only if kid names it", async () => {
    const service = await start();
    await rotate(service, alice, second);
    const { meta } = parsed(await rotate(service, second, third));
    assert.deepEqual(
      meta.warnings.map(({ code }) => code),
      ["key_needs_kid"],
    );
  });
});

describe("a rotation is refused", () => {
  test("without the permission, which only a client that holds the key learns", async () => {
    const service = await start();
    await allowRotation(service, false);
    assert.equal(codeOf(await rotate(service, alice, second)), "403 rotation_not_allowed");
    assert.equal(codeOf(await rotate(service, second, third)), "401 assertion_rejected");
    assert.equal((await service.registry.store.keys.list((await keyOf(service, 1)).userId)).length, 1);
  });

  for (const [what, aud] of [
    ["no aud", undefined],
    ["the public URL as aud", "https://auth.example"],
    ["the public URL with a slash as aud", "https://auth.example/"],
    ["the exchange's aud", "https://auth.example/api/auth/v0/refresh/"],
    ["the aud without its slash", AUDIENCE.slice(0, -1)],
    ["another service's aud", "https://other.example/api/auth/v0/keys/"],
    ["an aud that names the exchange too", [AUDIENCE, "https://auth.example"]],
    ["an empty list as aud", []],
  ] as const) {
    test(`with ${what}`, async () => {
      const service = await start();
      assert.equal(codeOf(await rotate(service, alice, second, { claims: { aud } })), "401 assertion_audience");
    });
  }

  test("with an assertion that isn't one: stale, by a stranger, a proof, a statement, a token's scheme", async () => {
    const service = await start();
    const { body } = await requestOf(service, alice, second);
    const claims = { username: "api-1-demo", iat: nowSeconds(service), aud: AUDIENCE };
    for (const [assertion, code] of [
      [buildAssertion(alice.privateKey, { claims: { ...claims, iat: claims.iat - 62 } }), "401 assertion_stale"],
      [buildAssertion(second.privateKey, { claims }), "401 assertion_rejected"],
      [buildAssertion(alice.privateKey, { claims: { ...claims, username: "api-1-nobody" } }), "401 assertion_rejected"],
      [
        buildAssertion(alice.privateKey, { claims, header: { alg: "RS256", typ: "key-proof+jwt" } }),
        "401 assertion_header",
      ],
      [signStatement(alice.privateKey), "401 assertion_header"],
      [body.proof, "401 assertion_header"],
      ["x", "401 assertion_malformed"],
    ] as const) {
      assert.equal(codeOf(await post(service, assertion, body)), code);
    }
    const basic = { Authorization: "Basic eDp5", "Content-Type": "application/json" };
    const answer = await send(service.url + PATH, "POST", { headers: basic, body: JSON.stringify(body) });
    assert.equal(codeOf(answer), "401 authorization_scheme");
    assert.match(answer.headers["www-authenticate"] ?? "", /^JWT /);
  });

  test("at every endpoint but its own", async () => {
    const service = await start();
    const { assertion } = await requestOf(service, alice, second);
    assert.equal(codeOf(await exchange(service, assertion)), "401 assertion_audience");
    for (const aud of [AUDIENCE, [AUDIENCE, "https://auth.example"], ["https://auth.example", AUDIENCE.slice(0, -1)]]) {
      const claims = { username: "api-1-demo", iat: nowSeconds(service), aud };
      assert.equal(
        codeOf(await exchange(service, buildAssertion(alice.privateKey, { claims }))),
        "401 assertion_audience",
      );
      const form = {
        grant_type: "client_credentials",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: service.assertion({ aud }),
      };
      assert.equal((await postForm(`${service.url}/oauth2/token`, form)).status, 401);
      assert.equal((await postForm(`${service.url}/oauth2/revoke`, { ...form, token: "x" })).status, 401);
    }
  });

  test("with an assertion that has rotated in another key, so that a copy of it is worthless", async () => {
    const service = await start();
    const { assertion, body } = await requestOf(service, alice, second);
    assert.equal((await post(service, assertion, body)).status, 201);
    const thief = await requestOf(service, alice, third);
    assert.equal(codeOf(await post(service, assertion, thief.body)), "401 assertion_replayed");
    assert.equal((await post(service, thief.assertion, thief.body)).status, 201);
  });

  test("without a proof, or with one that isn't by the new key, for the user, fresh and unused", async () => {
    const service = await start();
    const used = await nonce(service);
    assert.equal((await rotate(service, alice, second, { proofClaims: { nonce: used } })).status, 201);
    for (const change of [
      { proofKey: alice },
      { proofKey: second },
      { proofClaims: { sub: "api-1-other" } },
      { proofClaims: { aud: AUDIENCE } },
      { proofClaims: { nonce: "x" } },
      { proofClaims: { nonce: used } },
      { body: { proof: "x" } },
    ]) {
      assert.equal(
        codeOf(await rotate(service, alice, third, change)),
        "422 key_proof_invalid",
        JSON.stringify(change),
      );
    }
    assert.equal(codeOf(await rotate(service, alice, third, { body: { proof: undefined } })), "422 field_invalid");
    assert.equal((await rotate(service, alice, third)).status, 201, "a refused attempt leaves nothing behind");
  });

  test("to a key that is no key, private, or registered or revoked already, without saying whose it is", async () => {
    const service = await start();
    await service.changes.createUser("test", { name: "other", account: "acme", access: "full" });
    const own = rsaKeyPair("of another user");
    await service.changes.addKey("test", { username: "api-1-other", text: own.publicPem });
    for (const [to, body, code] of [
      [second, { public_key: "x" }, "422 key_rejected"],
      [second, { public_key: second.privatePem }, "422 private_key_exposed"],
      [alice, {}, "422 key_weak"],
      [own, {}, "422 key_weak"],
    ] as const) {
      const answer = await rotate(service, alice, to, { body });
      assert.equal(codeOf(answer), code);
      assert.doesNotMatch(answer.body, /api-1-other|key 2/);
    }
    await service.changes.revokeKey("test", 2 as KeyId);
    const answer = await rotate(service, alice, own);
    assert.equal(codeOf(answer), "422 key_weak");
    assert.doesNotMatch(answer.body, /api-1-other|key 2/);
  });

  for (const [what, body] of [
    ["a negative overlap", { overlap_seconds: -1 }],
    ["an overlap of more than 30 days", { overlap_seconds: 2_592_001 }],
    ["half a second of overlap", { overlap_seconds: 0.5 }],
    ["an overlap that is a text", { overlap_seconds: "60" }],
    ["no overlap at all", { overlap_seconds: null }],
    ["a label that is a number", { label: 1 }],
    ["a label with a control character", { label: "a\nb" }],
    ["no key", { public_key: undefined }],
    ["a key that is an object", { public_key: {} }],
    ["an expiry, which is the operator's", { expires_at: null }],
  ] as const) {
    test(`with ${what}`, async () => {
      const service = await start();
      assert.equal(codeOf(await rotate(service, alice, second, { body })), "422 field_invalid");
      assert.equal((await keyOf(service, 1)).expiresAtMs, null);
    });
  }

  test("by a key that is deactivated, revoked or expired, or whose user or account is off", async () => {
    for (const [change, code] of [
      [(s: TestService) => s.changes.setKeyStanding("test", 1 as KeyId, "deactivated"), "403 key_deactivated"],
      [(s: TestService) => s.changes.revokeKey("test", 1 as KeyId), "403 key_deactivated"],
      [(s: TestService) => s.changes.setUserStanding("test", "api-1-demo", "deactivated"), "403 user_deactivated"],
      [(s: TestService) => s.changes.setAccountStanding("test", "acme", "deactivated"), "403 account_deactivated"],
      [
        (s: TestService) => s.changes.changeKey("test", 1 as KeyId, { networks: ["192.0.2.0/24"] }),
        "403 source_not_allowed",
      ],
    ] as const) {
      const service = await start();
      await change(service);
      assert.equal(codeOf(await rotate(service, alice, second)), code);
    }
  });

  test("beyond 20 keys; those that have expired don't count", async () => {
    const service = await start();
    await insertKeys(service, 19, null, "active");
    const refused = await rotate(service, alice, second);
    assert.equal(codeOf(refused), "409 conflict");
    assert.match(refused.body, /20 keys that are neither revoked nor expired/);
    service.registry.rewrite(`update public_keys set expires_at_ms = ${service.clock.wallMs()} where id = 20`);
    assert.equal((await rotate(service, alice, second)).status, 201);
  });

  test(`more than ${ROTATIONS_PER_DAY_MAX} times in 24 hours, so that a client can't fill the store`, async () => {
    const service = await start();
    await insertKeys(service, ROTATIONS_PER_DAY_MAX, 1 as KeyId, "revoked");
    assert.equal(codeOf(await rotate(service, alice, second)), "429 rate_limited");
    service.clock.advanceSeconds(DAY_MS / 1000 + 1);
    assert.equal((await rotate(service, alice, second)).status, 201);
  });

  test("and counted, like the refusals of the exchange", async () => {
    const service = await start({ refusalLimit: 1 });
    await rotate(service, second, third);
    assert.equal(codeOf(await rotate(service, alice, second)), "429 rate_limited");
  });

  test("with other methods than POST, and bodies that aren't JSON or are too large", async () => {
    const service = await start();
    for (const method of ["GET", "PUT", "HEAD"]) assert.equal((await send(service.url + PATH, method)).status, 405);
    assert.equal((await send(service.url + PATH, "OPTIONS")).headers["allow"], "POST, OPTIONS");
    const { assertion, body } = await requestOf(service, alice, second);
    const headers = { Authorization: `JWT ${assertion}` };
    assert.equal(
      codeOf(await send(service.url + PATH, "POST", { headers, body: JSON.stringify(body) })),
      "415 media_type_unsupported",
    );
    assert.equal(
      codeOf(await post(service, assertion, { ...body, public_key: "x".repeat(40_000) })),
      "413 body_too_large",
    );
  });
});

describe("a thief who rotates with a stolen key", () => {
  test("loses the new keys with it", async () => {
    const service = await start();
    await rotate(service, alice, second);
    await rotate(service, second, third);
    await commitOf(service)((tx) => changeKeyAndDescendants(tx, 1 as KeyId, { status: "revoked" }, true), {
      author: SYSTEM,
    });
    for (const pair of [alice, second, third]) {
      assert.equal(codeOf(await exchangeBy(service, pair)), "403 key_deactivated");
      assert.equal(codeOf(await rotate(service, pair, rsaKeyPair("fourth"))), "403 key_deactivated");
    }
  });

  test("can't rotate in a key after the view last saw the stolen one: the transaction asks again", async () => {
    const service = await start();
    const { assertion, body } = await requestOf(service, alice, second);
    await exchangeBy(service, alice);
    // By the store's back: this node's view doesn't hear of it.
    service.registry.rewrite("update public_keys set status = 'deactivated' where id = 1");
    assert.equal(codeOf(await post(service, assertion, body)), "403 key_deactivated");
    service.registry.rewrite("update public_keys set status = 'active'; update api_users set may_rotate = 0");
    assert.equal(codeOf(await rotate(service, alice, second)), "403 rotation_not_allowed");
  });
});

test("neither assertions nor proofs are logged", async () => {
  const service = await start();
  const { assertion, body } = await requestOf(service, alice, second);
  const answers = [await post(service, assertion, body), await post(service, assertion, { ...body, proof: assertion })];
  const written = service.log() + answers.map((answer) => answer.body).join();
  for (const secret of [assertion, body.proof]) {
    for (const part of secret.split(".").slice(1))
      assert.ok(!written.includes(part.slice(0, 40)), "a part was written");
  }
  assert.match(service.log(), /"key rotated"/);
});
