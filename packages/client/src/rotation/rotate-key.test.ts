import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { CountersignError } from "../countersign-error.ts";
import { granted, isSignedBy, refused, thumbprintOf } from "../testing/fake-service.ts";
import { fakeSurroundings, NOW_SECONDS } from "../testing/fake-surroundings.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { createTokenSource, type TokenSourceOptions } from "../token-source.ts";
import type { RotateKeyOptions } from "./rotate-key.ts";

const present = rsaKeyPair("alice");
const BASE = "https://auth.example.com/x";
const KEYS = "/api/auth/v0/keys/";

interface Seen {
  /** The path under the base URL. */
  readonly path: string;
  readonly method: string;
  readonly assertion: string;
  readonly body: { readonly public_key: string; readonly proof: string; readonly [name: string]: unknown };
}

type Reply = Response | Error;

/** A service that knows keys as the real one does, and whose answers a test can replace. */
function service(replies: Readonly<Record<string, readonly (Reply | ((seen: Seen) => Reply))[]>> = {}) {
  const surroundings = fakeSurroundings();
  const registered: KeyObject[] = [present.publicKey];
  const seen: Seen[] = [];
  const left = new Map(Object.entries(replies).map(([path, list]) => [path, [...list]]));
  let nonces = 0;
  let tokens = 0;

  const register = ({ body }: Seen): Response => {
    registered.push(createPublicKey(body.public_key));
    return Response.json({ meta: {}, data: { id: registered.length } }, { status: 201 });
  };
  const answer = (request: Seen): Response => {
    if (request.path === "/api/auth/v0/key-challenges/") {
      nonces++;
      return Response.json({
        meta: {},
        data: { nonce: `nonce-${nonces}`, expires_at: surroundings.clock.wallMs() / 1000 + 600 },
      });
    }
    if (!registered.some((key) => isSignedBy(request.assertion, key))) return refused(401, "assertion_rejected");
    if (request.path !== KEYS) return granted(`token-${++tokens}`);
    const given = createPublicKey(request.body.public_key);
    if (registered.some((key) => key.equals(given))) return refused(409, "conflict");
    return register(request);
  };
  return {
    surroundings,
    seen,
    registered,
    register,
    paths: () => seen.map(({ path }) => path.split("/").at(-2)),
    fetch: async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
      const request: Seen = {
        path: new Request(input).url.replace(BASE, "").replace(/\?.*/, ""),
        method: init.method ?? "GET",
        assertion: (new Headers(init.headers).get("authorization") ?? "").replace("JWT ", ""),
        body: typeof init.body === "string" ? JSON.parse(init.body) : {},
      };
      seen.push(request);
      const next = left.get(request.path)?.shift();
      const reply = typeof next === "function" ? next(request) : (next ?? answer(request));
      if (reply instanceof Error) throw reply;
      return reply;
    },
  };
}

type Service = ReturnType<typeof service>;

function sourceOf(fake: Service, options: Partial<TokenSourceOptions> = {}) {
  return createTokenSource({
    baseUrl: BASE,
    username: "api-1-demo",
    privateKey: present.privatePem,
    ...fake.surroundings,
    fetch: fake.fetch,
    ...options,
  });
}

/** A store that keeps what it is given. */
function keep() {
  const stored: string[] = [];
  return { stored, store: async (privateKey: string) => void stored.push(privateKey) };
}

const decode = (part = "") => JSON.parse(Buffer.from(part, "base64url").toString()) as unknown;
const partsOf = (jws: string) => jws.split(".").slice(0, 2).map(decode);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail("it should have failed"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CountersignError, String(error));
  return error.code;
}

describe("a rotation", () => {
  test("stores the new key, proves it, registers it by the present key, and gets a token by it", async () => {
    const fake = service();
    const { stored, store } = keep();
    const source = sourceOf(fake);
    const rotated = await source.rotateKey({
      async store(privateKey) {
        assert.deepEqual(fake.seen, [], "nothing was sent before");
        await store(privateKey);
      },
    });
    assert.deepEqual(fake.paths(), ["key-challenges", "keys", "refresh"]);
    assert.deepEqual(stored, [rotated.privateKey]);
    assert.equal(rotated.keyId, 2);
    const newKey = createPublicKey(createPrivateKey(rotated.privateKey));
    assert.ok(createPublicKey(rotated.publicKey).equals(newKey));
    assert.match(rotated.privateKey, /^-----BEGIN PRIVATE KEY-----\n([\w+/=]{1,64}\n)+-----END PRIVATE KEY-----\n$/);

    const [challenge, { method, assertion, body } = assert.fail(), exchange] = fake.seen;
    assert.equal(challenge?.method, "POST");
    assert.equal(method, "POST");
    assert.deepEqual(partsOf(assertion), [
      { alg: "RS256", typ: "JWT", kid: thumbprintOf(present.publicKey) },
      { username: "api-1-demo", iat: NOW_SECONDS, aud: BASE + KEYS },
    ]);
    assert.ok(isSignedBy(assertion, present.publicKey));
    assert.deepEqual(Object.keys(body), ["public_key", "proof"]);
    assert.equal(body.public_key, rotated.publicKey);
    assert.deepEqual(partsOf(body.proof), [
      { alg: "RS256", typ: "key-proof+jwt", kid: thumbprintOf(newKey) },
      { aud: BASE, sub: "api-1-demo", nonce: "nonce-1", iat: NOW_SECONDS },
    ]);
    assert.ok(isSignedBy(body.proof, newKey));
    assert.ok(isSignedBy(exchange?.assertion ?? "", newKey));
    assert.equal(await source.getToken(), "token-1", "the new key's token is the source's");
  });

  test("makes a key of the present one's size, unless another is wanted", async () => {
    for (const [bits, expected] of [
      [undefined, 2048],
      [3072, 3072],
    ] as const) {
      const { privateKey } = await sourceOf(service()).rotateKey({ store: () => undefined, bits });
      assert.equal(createPrivateKey(privateKey).asymmetricKeyDetails?.modulusLength, expected);
    }
  });

  test("sends a label and an overlap, and names the service as it is told to, without the slash at its end", async () => {
    const fake = service();
    const options = { store: () => undefined, label: "cron", overlapSeconds: 0, audience: "https://public.example/" };
    await sourceOf(fake).rotateKey(options);
    const [, { assertion, body } = assert.fail()] = fake.seen;
    assert.deepEqual([body["label"], body["overlap_seconds"]], ["cron", 0]);
    assert.deepEqual(partsOf(assertion)[1], {
      username: "api-1-demo",
      iat: NOW_SECONDS,
      aud: `https://public.example${KEYS}`,
    });
    assert.equal((partsOf(body.proof)[1] as { aud: string }).aud, "https://public.example");
  });

  test("changes the source's key, unless a function gives it", async () => {
    const fake = service();
    const fixed = sourceOf(fake);
    const { publicKey } = await fixed.rotateKey({ store: () => undefined });
    await fixed.getToken({ fresh: true });
    assert.ok(isSignedBy(fake.seen.at(-1)?.assertion ?? "", createPublicKey(publicKey)));

    let current = present.privatePem;
    const asked = sourceOf(fake, { privateKey: () => current });
    const next = await asked.rotateKey({ store: () => undefined });
    await asked.getToken({ fresh: true });
    assert.ok(isSignedBy(fake.seen.at(-1)?.assertion ?? "", present.publicKey));
    current = next.privateKey;
    await asked.getToken({ fresh: true });
    assert.ok(isSignedBy(fake.seen.at(-1)?.assertion ?? "", createPublicKey(next.publicKey)));
  });

  test("follows the service's clock", async () => {
    const stale = refused(401, "assertion_stale", {
      headers: { Date: new Date((NOW_SECONDS + 600) * 1000).toUTCString() },
    });
    const slow = service({ [KEYS]: [stale] });
    await sourceOf(slow).rotateKey({ store: () => undefined });
    assert.deepEqual(slow.paths(), ["key-challenges", "keys", "keys", "refresh"]);
    assert.equal((partsOf(slow.seen[2]?.assertion ?? "")[1] as { iat: number }).iat, NOW_SECONDS + 600.5);
  });

  test("passes on what the service warns of, such as that another key was rotated in before", async () => {
    const warning = { code: "key_rotated_before", message: "Key 1 has rotated in another key." };
    const rotated = Response.json({ meta: { warnings: [warning] }, data: { id: 3 } }, { status: 201 });
    const fake = service({ [KEYS]: [rotated], "/api/auth/v0/refresh/": [granted("token-1")] });
    const seen: unknown[] = [];
    await sourceOf(fake, { onWarning: (each) => seen.push(each) }).rotateKey({ store: () => undefined });
    assert.deepEqual(seen, [warning]);
  });

  test("waits for a node that hasn't heard of the new key", async () => {
    const fake = service({ "/api/auth/v0/refresh/": [refused(401, "assertion_rejected")] });
    const { keyId } = await sourceOf(fake).rotateKey({ store: () => undefined });
    assert.equal(keyId, 2);
    assert.deepEqual(fake.paths(), ["key-challenges", "keys", "refresh", "refresh"]);
    assert.equal(fake.surroundings.pauses.length, 1);
  });
});

describe("a rotation whose answer is lost", () => {
  for (const [name, reply] of [
    ["the connection breaks", () => new Error("ECONNRESET")],
    ["a proxy answers 502", () => new Response("Bad gateway", { status: 502 })],
  ] as const) {
    test(`after the key was registered succeeds, because the new key gets a token: ${name}`, async () => {
      const fake = service({
        [KEYS]: [
          (seen) => {
            fake.register(seen);
            return reply();
          },
        ],
      });
      const rotated = await sourceOf(fake).rotateKey({ store: () => undefined });
      assert.equal(rotated.keyId, undefined);
      assert.equal(fake.registered.length, 2);
      assert.deepEqual(fake.paths(), ["key-challenges", "keys", "refresh"]);
    });

    test(`before the key was registered is repeated with the same key and another nonce: ${name}`, async () => {
      const { stored, store } = keep();
      const fake = service({ [KEYS]: [reply] });
      const rotated = await sourceOf(fake).rotateKey({ store });
      assert.equal(rotated.keyId, 2);
      assert.deepEqual(fake.paths(), ["key-challenges", "keys", "refresh", "key-challenges", "keys", "refresh"]);
      assert.deepEqual(stored, [rotated.privateKey]);
      const nonces = fake.seen.flatMap(({ body }) => (body.proof ? [partsOf(body.proof)[1]] : []));
      assert.deepEqual(
        nonces.map((claims) => (claims as { nonce: string }).nonce),
        ["nonce-1", "nonce-2"],
      );
    });
  }

  test("can be repeated by another process, from what was stored, whether the key was registered or not", async () => {
    const { stored, store } = keep();
    const down = service({ [KEYS]: Array.from({ length: 20 }, () => new Error("ECONNREFUSED")) });
    assert.equal(await codeOf(sourceOf(down).rotateKey({ store })), "network");
    const [newPrivateKey = ""] = stored;

    const fake = service();
    const first = await sourceOf(fake).rotateKey({ newPrivateKey });
    assert.equal(first.keyId, 2);
    const again = await sourceOf(fake).rotateKey({ newPrivateKey });
    assert.equal(again.keyId, undefined);
    assert.equal(again.publicKey, first.publicKey);
    assert.equal(fake.registered.length, 2);
  });

  test("can be repeated after the former key has expired", async () => {
    const fake = service();
    const { privateKey } = await sourceOf(fake).rotateKey({ store: () => undefined });
    fake.registered.shift();
    const again = await sourceOf(fake).rotateKey({ newPrivateKey: privateKey });
    assert.equal(again.privateKey, privateKey);
  });
});

describe("a rotation fails", () => {
  for (const [status, code] of [
    [403, "forbidden"],
    [403, "key_deactivated"],
    [422, "key_weak"],
    [422, "key_proof_invalid"],
    [404, "not_found"],
  ] as const) {
    test(`with the service's refusal, which it doesn't repeat, and the present key stays: ${code}`, async () => {
      const fake = service({ [KEYS]: [refused(status, code)] });
      const source = sourceOf(fake);
      const error = await source.rotateKey({ store: () => undefined }).catch((reason: unknown) => reason);
      assert.ok(error instanceof CountersignError);
      assert.match(`${error.code} ${error.message}`, new RegExp(code));
      assert.deepEqual(fake.paths(), ["key-challenges", "keys"]);
      await source.getToken();
      assert.ok(isSignedBy(fake.seen.at(-1)?.assertion ?? "", present.publicKey));
    });
  }

  test("with the first refusal, if a stored key gets no token either", async () => {
    const { stored, store } = keep();
    await sourceOf(service()).rotateKey({ store });
    const fake = service({ [KEYS]: [refused(403, "forbidden")] });
    assert.equal(await codeOf(sourceOf(fake).rotateKey({ newPrivateKey: stored[0] })), "forbidden");
  });

  test("before anything is sent, if the new key can't be stored", async () => {
    const fake = service();
    const store = (privateKey: string) => Promise.reject(new RangeError(privateKey));
    const error = await sourceOf(fake)
      .rotateKey({ store })
      .catch((reason: unknown) => reason);
    assert.ok(error instanceof CountersignError);
    assert.equal(error.code, "key_not_stored");
    assert.equal(error.hint, "It threw RangeError. Its message may quote the key, so it isn't repeated.");
    assert.equal(error.cause, undefined);
    assert.deepEqual(fake.seen, []);
  });

  test("while another one of the same source runs", async () => {
    const source = sourceOf(service());
    const first = source.rotateKey({ store: () => undefined });
    assert.equal(await codeOf(source.rotateKey({ store: () => undefined })), "rotation_running");
    await first;
    await source.rotateKey({ store: () => undefined });
  });

  const BAD_OPTIONS: readonly (readonly [name: string, options: object])[] = [
    ["no store", {}],
    ["a store that is no function", { store: "next.pem" }],
    ["a new key that is no text", { newPrivateKey: {} }],
    ["a size below 2048", { store() {}, bits: 2047 }],
    ["a size above 8192", { store() {}, bits: 8193 }],
    ["a negative overlap", { store() {}, overlapSeconds: -1 }],
    ["an overlap with a fraction", { store() {}, overlapSeconds: 0.5 }],
    ["a label that is no text", { store() {}, label: 1 }],
    ["an audience that is no text", { store() {}, audience: new URL(BASE) }],
  ];
  for (const [name, options] of BAD_OPTIONS) {
    test(`at once with options_invalid: ${name}`, async () => {
      const fake = service();
      assert.equal(await codeOf(sourceOf(fake).rotateKey(options as RotateKeyOptions)), "options_invalid");
      assert.deepEqual(fake.seen, []);
    });
  }

  test("with key_unusable, if the stored key is no private key", async () => {
    assert.equal(await codeOf(sourceOf(service()).rotateKey({ newPrivateKey: present.publicPem })), "key_unusable");
  });

  for (const [name, data, status] of [
    ["no id", {}, 201],
    ["status 200", { id: 2 }, 200],
  ] as const) {
    test(`if the answer isn't the service's: ${name}`, async () => {
      const fake = service({ [KEYS]: [Response.json({ meta: {}, data }, { status })] });
      assert.equal(await codeOf(sourceOf(fake).rotateKey({ store: () => undefined })), "answer_unexpected");
    });
  }

  for (const data of [{}, { nonce: "a b", expires_at: 1 }, { nonce: "x".repeat(513), expires_at: 1 }, { nonce: "x" }]) {
    test(`if the nonce isn't one: ${JSON.stringify(data).slice(0, 40)}`, async () => {
      const fake = service({ "/api/auth/v0/key-challenges/": [Response.json({ meta: {}, data })] });
      assert.equal(await codeOf(sourceOf(fake).rotateKey({ store: () => undefined })), "answer_unexpected");
      assert.deepEqual(fake.paths(), ["key-challenges"]);
    });
  }

  test("with no piece of what was signed in its error, whatever the answer repeats", async () => {
    const fake = service({
      [KEYS]: [({ assertion, body }) => refused(403, "forbidden", { message: `${assertion} ${body.proof}` })],
    });
    const error = await sourceOf(fake)
      .rotateKey({ store: () => undefined })
      .catch((reason: unknown) => reason);
    assert.ok(error instanceof CountersignError);
    assert.doesNotMatch(error.message, /[\w-]{13,}/);
  });
});

describe("a proof of possession", () => {
  test("is signed by the source's own key over the service, the user and a nonce", async () => {
    const fake = service();
    const proof = await sourceOf(fake).proveKey();
    assert.ok(isSignedBy(proof, present.publicKey));
    assert.deepEqual(partsOf(proof), [
      { alg: "RS256", typ: "key-proof+jwt", kid: thumbprintOf(present.publicKey) },
      { aud: BASE, sub: "api-1-demo", nonce: "nonce-1", iat: NOW_SECONDS },
    ]);
    assert.deepEqual(fake.paths(), ["key-challenges"]);
  });

  test("takes a nonce and a name of the service, and then sends nothing", async () => {
    const fake = service();
    const proof = await sourceOf(fake).proveKey({ nonce: "given", audience: "https://public.example" });
    assert.deepEqual(partsOf(proof)[1], {
      aud: "https://public.example",
      sub: "api-1-demo",
      nonce: "given",
      iat: NOW_SECONDS,
    });
    assert.deepEqual(fake.seen, []);
    assert.equal(await codeOf(sourceOf(fake).proveKey({ nonce: 5 as never })), "options_invalid");
  });
});
