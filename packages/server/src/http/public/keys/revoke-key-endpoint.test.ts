/** The revocation of a key by its own statement, over HTTP, on a real socket and a real store. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { KEY_REVOCATION_PURPOSE } from "@countersign/protocol";
import { signStatement } from "../../../core/revocation/statement.ts";
import { MODULI_PER_CLIENT_MAX } from "../../../core/revocation/revoke-key.ts";
import type { KeyId } from "../../../core/keys/model.ts";
import { buildAssertion } from "../../../testing/build-assertion.ts";
import { type HttpAnswer, postForm, send } from "../../../testing/test-http.ts";
import { startTestService, type TestService, type TestServiceOptions } from "../../../testing/test-service.ts";
import { rsaKeyPair } from "../../../../../../test/testkit/rsa-keys.ts";
import { signParts } from "../../../../../../test/testkit/sign-assertion.ts";

const PATH = "/api/auth/v0/revoke-key/";
const JSON_TYPE = { "Content-Type": "application/json" };
const DONE = '{"meta":{"code":200,"errors":[],"warnings":[]},"data":{}}';
const alice = rsaKeyPair("alice");
const bob = rsaKeyPair("bob");

const services: TestService[] = [];
after(() => Promise.all(services.map((each) => each.close())));

async function start(options?: TestServiceOptions): Promise<TestService> {
  const service = await startTestService(options);
  services.push(service);
  return service;
}

function post(service: TestService, body: unknown, path = PATH, headers = JSON_TYPE): Promise<HttpAnswer> {
  return send(service.url + path, "POST", { headers, body: typeof body === "string" ? body : JSON.stringify(body) });
}

const revoke = (service: TestService, key: KeyObject) => post(service, { revocation: signStatement(key) });
const codeOf = ({ status, body }: HttpAnswer) => `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? ""}`.trim();
const exchange = (service: TestService, assertion: string) =>
  send(`${service.url}/api/auth/v0/refresh/`, "GET", { headers: { Authorization: `JWT ${assertion}` } });
const check = (service: TestService, token: string) =>
  send(`${service.url}/api/auth/v0/check/`, "GET", { headers: { Authorization: `Token ${token}` } });
const statusOf = async ({ registry }: TestService, id: number) => (await registry.store.keys.find(id as KeyId))?.status;
const eventCount = async ({ registry }: TestService) => (await registry.store.events.last()).seq;

describe("a key's own statement", () => {
  test("ends its tokens and its assertions at once, and the same key of other users", async () => {
    const service = await start();
    await service.changes.createAccount("test", { shortname: "other" });
    await service.changes.createUser("test", { name: "twin", account: "other", access: "full" });
    // By the store's back, since a key can't be registered twice.
    service.registry.rewrite(
      "insert into public_keys (user_id, account_id, fingerprint, thumbprint, modulus_hash, bits, spki, status, created_at_ms) " +
        "select 2, 2, fingerprint, thumbprint, modulus_hash, bits, spki, 'deactivated', created_at_ms from public_keys where id = 1",
    );
    const granted = await exchange(service, buildAssertion(alice.privateKey));
    const { token } = (JSON.parse(granted.body) as { data: { token: string } }).data;
    assert.equal((await check(service, token)).status, 200);

    const answer = await revoke(service, alice.privateKey);
    assert.deepEqual([answer.status, answer.body], [200, DONE]);
    assert.equal(codeOf(await check(service, token)), "403 key_deactivated");
    assert.equal(codeOf(await exchange(service, buildAssertion(alice.privateKey))), "403 key_deactivated");
    assert.deepEqual([await statusOf(service, 1), await statusOf(service, 2)], ["revoked", "revoked"]);
    const events = (await service.registry.store.events.after(0, 100)).slice(-2);
    assert.deepEqual(
      events.map(({ actor, action, subject, details }) => [actor, action, subject, details["address"]]),
      [
        ["key:1", "key.revoked", "key:1", "127.0.0.1"],
        ["key:2", "key.revoked", "key:2", "127.0.0.1"],
      ],
    );
  });

  test("can't be undone", async () => {
    const service = await start();
    await revoke(service, alice.privateKey);
    await assert.rejects(service.changes.changeKey("test", 1 as KeyId, { status: "active" }), /can't be undone/);
  });

  test("is answered with the same bytes whether its key is registered, unknown or revoked, and a repeat writes nothing", async () => {
    const service = await start();
    const answers = [];
    for (const key of [alice.privateKey, bob.privateKey, alice.privateKey, bob.privateKey]) {
      answers.push(await revoke(service, key));
    }
    const shown = answers.map(({ status, headers, body }) => {
      return { status, headers: { ...headers, date: "", "x-request-id": "" }, body };
    });
    for (const each of shown) assert.deepEqual(each, shown[0]);
    const before = await eventCount(service);
    const reader = await service.registry.connect();
    const marker = await reader.changeMarker();
    await revoke(service, alice.privateKey);
    await revoke(service, bob.privateKey);
    assert.equal(await eventCount(service), before);
    assert.equal(await reader.changeMarker(), marker, "nothing was committed");
  });

  test("is taken with and without the trailing slash, and its members in any order", async () => {
    const service = await start();
    const { body } = await post(service, { revocation: signStatement(bob.privateKey) }, PATH.slice(0, -1));
    assert.equal(body, DONE);
  });

  test("is accepted nowhere else", async () => {
    const service = await start();
    const statement = signStatement(alice.privateKey);
    const form = {
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: statement,
    };
    assert.equal((await exchange(service, statement)).status, 401);
    assert.equal((await check(service, statement)).status, 401);
    assert.equal((await postForm(`${service.url}/oauth2/token`, form)).status, 401);
    assert.equal((await postForm(`${service.url}/oauth2/revoke`, { ...form, token: "x" })).status, 401);
    assert.equal(await statusOf(service, 1), "active");
  });
});

describe("no other text revokes a key", () => {
  let service: TestService;
  before(async () => {
    service = await start();
  });

  const { n = "", e = "" } = alice.publicKey.export({ format: "jwk" });
  const header = { alg: "RS256", typ: "key-revocation+jwt", jwk: { kty: "RSA", n, e } };
  const claims = { purpose: KEY_REVOCATION_PURPOSE };

  for (const [what, text, code] of [
    ["an assertion", buildAssertion(alice.privateKey), "422 revocation_rejected"],
    [
      "an assertion with the jwk",
      buildAssertion(alice.privateKey, { header: { ...header, typ: "JWT" } }),
      "422 revocation_rejected",
    ],
    ["a statement by another key", signParts(header, claims, bob.privateKey), "422 revocation_rejected"],
    [
      "a statement with an expiry",
      signParts(header, { ...claims, exp: 4e9 }, alice.privateKey),
      "422 revocation_rejected",
    ],
    ["a text", "revoke it!", "422 revocation_rejected"],
    ["a private key", alice.privatePem, "422 private_key_exposed"],
  ] as const) {
    test(what, async () => {
      assert.equal(codeOf(await post(service, { revocation: text })), code);
    });
  }

  for (const [what, body, code, type] of [
    ["no body", "", "415 media_type_unsupported", {}],
    ["a form", "revocation=x", "415 media_type_unsupported", { "Content-Type": "application/x-www-form-urlencoded" }],
    ["no JSON", "{", "400 bad_request", JSON_TYPE],
    ["no statement", "{}", "422 field_invalid", JSON_TYPE],
    ["a statement that is a list", '{"revocation":["x"]}', "422 field_invalid", JSON_TYPE],
    ["another member", '{"revocation":"x","username":"api-1-demo"}', "422 field_invalid", JSON_TYPE],
    ["two statements", '{"revocation":"x","revocation":"y"}', "400 bad_request", JSON_TYPE],
    ["a statement of 9 KiB", JSON.stringify({ revocation: "x".repeat(9000) }), "422 revocation_rejected", JSON_TYPE],
    ["a body of 11 KiB", JSON.stringify({ revocation: "x".repeat(11_000) }), "413 body_too_large", JSON_TYPE],
  ] as const) {
    test(`a request with ${what}`, async () => {
      assert.equal(codeOf(await post(service, body, PATH, type as typeof JSON_TYPE)), code);
    });
  }

  test("other methods than POST", async () => {
    for (const method of ["GET", "PUT", "DELETE", "HEAD"]) {
      const answer = await send(service.url + PATH, method);
      assert.deepEqual([answer.status, answer.headers["allow"]], [405, "POST, OPTIONS"]);
    }
    assert.equal((await send(service.url + PATH, "OPTIONS")).headers["allow"], "POST, OPTIONS");
  });

  after(async () => {
    assert.equal(await statusOf(service, 1), "active");
  });
});

describe("what an anonymous client can cause is bounded", () => {
  test("statements that aren't valid count as refusals", async () => {
    const service = await start({ refusalLimit: 2 });
    for (let round = 0; round < 2; round++) await post(service, { revocation: "x" });
    assert.equal(codeOf(await revoke(service, alice.privateKey)), "429 rate_limited");
    service.clock.advanceSeconds(61);
    assert.equal((await revoke(service, alice.privateKey)).status, 200);
  });

  test("valid ones are limited to 60 a minute for each address, registered or not", async () => {
    const service = await start();
    for (let round = 0; round < 60; round++) assert.equal((await revoke(service, bob.privateKey)).status, 200);
    const refused = await revoke(service, alice.privateKey);
    assert.equal(codeOf(refused), "429 rate_limited");
    assert.equal(refused.headers["retry-after"], "60");
    assert.equal(await statusOf(service, 1), "active");
    service.clock.advanceSeconds(60);
    assert.equal((await revoke(service, alice.privateKey)).status, 200);
  });

  test("few moduli that no key has are remembered for one address in an hour; registered keys are revoked all the same", async () => {
    const service = await start();
    const strangers = Array.from({ length: MODULI_PER_CLIENT_MAX + 1 }, () =>
      generateKeyPairSync("rsa", { modulusLength: 2048 }),
    );
    for (const { privateKey } of strangers.slice(1)) assert.equal((await revoke(service, privateKey)).status, 200);
    const [{ privateKey: last }] = strangers as [(typeof strangers)[0]];
    assert.equal(codeOf(await revoke(service, last)), "429 rate_limited");
    assert.equal((await revoke(service, alice.privateKey)).body, DONE);
    service.clock.advanceSeconds(3600);
    assert.equal((await revoke(service, last)).body, DONE);
  });
});

test("neither a statement nor a private key that was sent by mistake is logged, shown or stored", async () => {
  const service = await start();
  const jwk = alice.privateKey.export({ format: "jwk" });
  const header = { alg: "RS256", typ: "key-revocation+jwt", jwk };
  const exposed = signParts(header, { purpose: KEY_REVOCATION_PURPOSE }, alice.privateKey);
  const statement = signStatement(bob.privateKey);
  const answers = [await post(service, { revocation: exposed }), await post(service, { revocation: statement })];
  assert.equal(codeOf(answers[0] as HttpAnswer), "422 private_key_exposed");
  const written = service.log() + answers.map(({ body }) => body).join();
  for (const secret of [jwk.d ?? "", exposed.split(".")[0] ?? "", statement, exposed.split(".")[2] ?? ""]) {
    for (let at = 0; at + 40 < secret.length; at += 40) assert.ok(!written.includes(secret.slice(at, at + 40)));
  }
  assert.equal(await statusOf(service, 1), "active", "a private key that was sent revokes nothing");
});
