/**
 * The OAuth endpoints over HTTP, on a real socket: statuses, bodies and headers as in RFC 6749 §5, RFC 7009 and RFC
 * 7662, and malformed requests.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { REFUSAL_CODES } from "@countersign/protocol";
import { exampleClaims, buildAssertion } from "../../../testing/build-assertion.ts";
import { rsaKeyPair } from "../../../../../../test/testkit/rsa-keys.ts";
import { EXAMPLE_NOW_MICROSECONDS } from "../../../testing/test-clock.ts";
import { basic, type HttpAnswer, postForm, send } from "../../../testing/test-http.ts";
import { startTestService, type TestService, type TestServiceOptions } from "../../../testing/test-service.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { KeyId } from "../../../core/keys/model.ts";
import { formatTokenId } from "../../../core/token/token-identity.ts";
import { mintToken } from "../../../core/token/mint-token.ts";
import { verifyToken } from "../../../core/token/verify-token.ts";
import { testSigningKeys } from "../../../testing/test-signing-keys.ts";
import { ANSWERS } from "../../server/answers.ts";
import { OAUTH_ERRORS, oauthRefusalAnswer } from "./oauth-answers.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FORM = "application/x-www-form-urlencoded";
const FORM_BYTES_MAX = 16_384;
const NOW_SECONDS = Math.floor(EXAMPLE_NOW_MICROSECONDS / 1e6);
const bob = rsaKeyPair("bob");
const signingKeys = testSigningKeys(1);

let service: TestService;
/** Closed at the end, whether the tests pass or not. */
const services: TestService[] = [];
let clientId: string;
let clientSecret: string;

async function start(options?: TestServiceOptions): Promise<TestService> {
  const started = await startTestService(options);
  services.push(started);
  return started;
}

before(async () => {
  service = await start();
  const { server, secret } = await service.servers.create("test", "shop");
  clientId = server.clientId;
  clientSecret = secret;
});
after(() => Promise.all(services.map((each) => each.close())));

const at = (path: string) => service.url + path;

type Parameters = Readonly<Record<string, string>>;

function tokenForm(changes: Parameters = {}): Record<string, string> {
  const form = {
    grant_type: "client_credentials",
    client_assertion_type: JWT_BEARER,
    client_assertion: service.assertion(),
  };
  return { ...form, ...changes };
}

async function mint(): Promise<string> {
  const answer = await postForm(at("/oauth2/token"), tokenForm());
  assert.equal(answer.status, 200, answer.body);
  return (JSON.parse(answer.body) as { access_token: string }).access_token;
}

function introspect(token: string, headers: Parameters = basic(clientId, clientSecret)): Promise<HttpAnswer> {
  return postForm(at("/oauth2/introspect"), { token }, headers);
}

const COMMON = {
  "cache-control": "no-store",
  pragma: "no-cache",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "content-type": "application/json; charset=utf-8",
};

function assertJson({ headers, body }: HttpAnswer): void {
  for (const [name, value] of Object.entries(COMMON)) assert.equal(headers[name], value, name);
  assert.equal(headers["content-length"], String(Buffer.byteLength(body)));
  assert.match(headers["x-request-id"] ?? "", /^[0-9a-f]{24}$/);
}

/** Asserts that an answer follows RFC 6749 §5.2: three members, in the allowed characters. */
function assertError(answer: HttpAnswer, status: number, error: string, code: string): string {
  assert.equal(answer.status, status, answer.body);
  assertJson(answer);
  const value = JSON.parse(answer.body) as Record<string, string>;
  assert.deepEqual(Object.keys(value), ["error", "error_description", "error_uri"]);
  assert.equal(value["error"], error, answer.body);
  assert.equal(value["error_uri"], `https://auth.example/docs/errors#${code}`);
  assert.match(value["error_description"] ?? "", /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  assert.equal(answer.headers["www-authenticate"] === undefined, status !== 401 || !isChallenged(answer), answer.body);
  return value["error_description"] ?? "";
}

const isChallenged = ({ headers }: HttpAnswer) => "www-authenticate" in headers;

const ENDPOINTS = ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] as const;

/** A good request to an endpoint, so that a test can spoil one part of it. */
async function goodRequest(path: (typeof ENDPOINTS)[number]) {
  if (path === "/oauth2/token") return { form: tokenForm(), headers: {} };
  if (path === "/oauth2/introspect") return { form: { token: await mint() }, headers: basic(clientId, clientSecret) };
  const { grant_type: _, ...rest } = tokenForm();
  return { form: { ...rest, token: await mint() }, headers: {} };
}

describe("every OAuth endpoint", () => {
  for (const path of ENDPOINTS) {
    test(`${path} accepts a valid request, with a charset and in any case of the type`, async () => {
      for (const type of [FORM, `${FORM};charset=UTF-8`, `${FORM} ; charset=utf-8`, FORM.toUpperCase()]) {
        const { form, headers } = await goodRequest(path);
        const answer = await postForm(at(path), form, { ...headers, "Content-Type": type });
        assert.equal(answer.status, 200, `${type}: ${answer.body}`);
      }
    });

    test(`${path} accepts only POST, and says so`, async () => {
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH"]) {
        const answer = await send(at(`${path}?token=x&client_assertion=y`), method);
        assert.equal(answer.status, 405);
        assert.equal(answer.headers["allow"], "POST, OPTIONS");
        if (method !== "HEAD") assertError(answer, 405, "invalid_request", "method_not_allowed");
      }
      const options = await send(at(path), "OPTIONS");
      assert.deepEqual([options.status, options.headers["allow"], options.body], [204, "POST, OPTIONS", ""]);
      const slash = await send(at(`${path}/`), "POST");
      assert.equal(slash.status, 404);
    });

    test(`${path} accepts only a form`, async () => {
      for (const type of [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        `${FORM}x`,
        `x ${FORM}`,
        "",
      ]) {
        const { form, headers } = await goodRequest(path);
        const answer = await postForm(at(path), form, { ...headers, "Content-Type": type });
        const says = assertError(answer, 400, "invalid_request", "bad_request");
        assert.equal(says, `The body isn't a form. Send Content-Type: ${FORM}.`);
      }
      const { form, headers } = await goodRequest(path);
      const untyped = await send(at(path), "POST", { headers, body: new URLSearchParams(form).toString() });
      assertError(untyped, 400, "invalid_request", "bad_request");
    });

    test(`${path} refuses a form that isn't UTF-8, plain or percent-encoded`, async () => {
      for (const wrong of ["%ff", "M%FCller", "%c0%af", "%ED%A0%80", "%e2%82", "%e2x%82%ac", "M\u00fcller", "\u00ff"]) {
        const { form, headers } = await goodRequest(path);
        const body = Buffer.concat([
          Buffer.from(`${new URLSearchParams(form).toString()}&note=`),
          Buffer.from(wrong, "latin1"),
        ]);
        const answer = await send(at(path), "POST", { headers: { "Content-Type": FORM, ...headers }, body });
        const says = assertError(answer, 400, "invalid_request", "bad_request");
        assert.match(says, /^The body isn't UTF-8\./);
      }
      for (const right of ["%e2%82%ac", "M%C3%BCller", "100%", "%zz", Buffer.from("M\u00fcller").toString("latin1")]) {
        const { form, headers } = await goodRequest(path);
        const body = Buffer.concat([
          Buffer.from(`${new URLSearchParams(form).toString()}&note=`),
          Buffer.from(right, "latin1"),
        ]);
        const answer = await send(at(path), "POST", { headers: { "Content-Type": FORM, ...headers }, body });
        assert.equal(answer.status, 200, answer.body);
      }
    });

    test(`${path} reads ${FORM_BYTES_MAX} bytes and no more, with and without a Content-Length`, async () => {
      for (const [size, status] of [
        [FORM_BYTES_MAX - 1, 200],
        [FORM_BYTES_MAX, 200],
        [FORM_BYTES_MAX + 1, 413],
        [FORM_BYTES_MAX * 20, 413],
      ] as const) {
        for (const isChunked of [false, true]) {
          const { form, headers } = await goodRequest(path);
          const text = `${new URLSearchParams(form).toString()}&padding=`;
          const padded = text.padEnd(size, "x");
          // In parts, the first of which is within the bound.
          const body = isChunked ? [padded.slice(0, 1000), padded.slice(1000, 9000), padded.slice(9000)] : padded;
          const answer = await send(at(path), "POST", { headers: { "Content-Type": FORM, ...headers }, body });
          assert.equal(answer.status, status, `${size} ${isChunked} ${answer.body}`);
          if (status === 413) assertError(answer, 413, "invalid_request", "body_too_large");
        }
      }
    });

    test(`${path} refuses a body by its length alone, without waiting for it`, async () => {
      const { port, hostname } = new URL(service.url);
      const socket = connect(Number(port), hostname);
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: ${FORM_BYTES_MAX + 1}\r\n\r\n`;
      socket.write(head);
      const [answer] = (await once(socket, "data", { signal: AbortSignal.timeout(60_000) })) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 413 /);
      socket.destroy();
    });

    test(`${path} refuses a repeated parameter, and treats an empty one as missing`, async () => {
      const { form, headers } = await goodRequest(path);
      for (const name of Object.keys(form)) {
        const twice = [...Object.entries(form), [name, "again"] as const];
        const answer = await postForm(at(path), twice, headers);
        const says = assertError(answer, 400, "invalid_request", "bad_request");
        assert.equal(says, `The parameter ${name} is given more than once.`);
      }
      const unknownTwice = [...Object.entries(form), ["resource", "a"], ["resource", "b"]] as [string, string][];
      assert.equal((await postForm(at(path), unknownTwice, headers)).status, 200, "unknown parameters are ignored");
      for (const name of Object.keys(form)) {
        const good = await goodRequest(path);
        const { [name]: _, ...without } = good.form as Record<string, string>;
        const missing = await postForm(at(path), without, good.headers);
        const empty = await postForm(at(path), { ...without, [name]: "" }, good.headers);
        assert.equal(missing.body, empty.body);
        assert.notEqual(missing.status, 200);
      }
    });

    test(`${path} survives a body that is cut off, and a client that disconnects`, async () => {
      const { port, hostname } = new URL(service.url);
      for (const length of [100, FORM_BYTES_MAX]) {
        const socket = connect(Number(port), hostname);
        socket.on("error", () => undefined);
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: ${length}\r\n\r\ntoken=abc`,
        );
        await new Promise((resolve) => setTimeout(resolve, 5));
        socket.destroy();
      }
      const { form, headers } = await goodRequest(path);
      assert.equal((await postForm(at(path), form, headers)).status, 200);
      assert.doesNotMatch(service.log(), /"code":"internal"|can't be written/);
    });

    test(`${path} survives a form of any bytes`, async () => {
      for (const body of [
        "",
        "&",
        "=",
        "&&&===",
        "token",
        "token=%",
        "token=%zz&client_assertion=%ff",
        Buffer.from([0x74, 0x3d, 0xff, 0xfe, 0x00]),
        "__proto__=x&constructor=y",
        "a=b&".repeat(4000),
      ]) {
        const answer = await send(at(path), "POST", { headers: { "Content-Type": FORM, ...basic("rs-1", "x") }, body });
        assert.ok(answer.status === 400 || answer.status === 401, answer.body);
        assertJson(answer);
      }
    });
  }

  test("every refusal has a matching OAuth error and status, and a challenge only where it helps", () => {
    for (const code of REFUSAL_CODES) {
      const answer = (challenge?: "Basic") =>
        oauthRefusalAnswer(new Refusal(code, 'A "quoted" \\ text — with ünïcode…', { hint: "\u0000\n" }), {
          publicUrl: "https://auth.example",
          requestId: "x",
          ...(challenge && { challenge }),
        });
      const { status, body, headers } = answer();
      const value = JSON.parse(body) as { error: string; error_description: string };
      assert.equal(value.error, OAUTH_ERRORS[code]);
      assert.equal(value.error_description, "A 'quoted' ? text ? with ?n?code... ??");
      assert.equal(status, value.error === "invalid_client" ? 401 : ANSWERS[code].status);
      assert.ok(!headers.includes("WWW-Authenticate"));
      assert.equal(answer("Basic").headers.includes("WWW-Authenticate"), status === 401);
    }
  });
});

describe("POST /oauth2/token", () => {
  test("grants a token as in RFC 6749 §5.1, which the check accepts for the stated lifetime", async () => {
    const answer = await postForm(at("/oauth2/token"), tokenForm({ ttl: "900", client_id: "api-1-demo" }));
    assert.equal(answer.status, 200);
    assertJson(answer);
    const { access_token: token, ...rest } = JSON.parse(answer.body) as { access_token: string };
    assert.deepEqual(rest, { token_type: "Bearer", expires_in: 900 });
    const claims = verifyToken(signingKeys, token);
    assert.ok(typeof claims === "object");
    assert.equal(claims.expiresAtSeconds, NOW_SECONDS + 901);
    for (const scheme of ["Token", "Bearer"]) {
      const checked = await send(at("/api/auth/v0/check/"), "GET", {
        headers: { Authorization: `${scheme} ${token}` },
      });
      assert.equal(checked.status, 200);
    }
  });

  test("refuses with OAuth's errors", async () => {
    for (const [form, status, error, code] of [
      [tokenForm({ grant_type: "" }), 400, "invalid_request", "bad_request"],
      [tokenForm({ grant_type: "password" }), 400, "unsupported_grant_type", "grant_type_unsupported"],
      [tokenForm({ scope: "read" }), 400, "invalid_scope", "scope_unsupported"],
      [tokenForm({ ttl: "1" }), 400, "invalid_request", "ttl_invalid"],
      [tokenForm({ client_assertion: "" }), 401, "invalid_client", "client_rejected"],
      [tokenForm({ client_assertion: "x" }), 401, "invalid_client", "assertion_malformed"],
      [tokenForm({ client_id: "api-1-other" }), 401, "invalid_client", "client_rejected"],
      [tokenForm({ client_assertion: service.assertion({}, bob) }), 401, "invalid_client", "assertion_rejected"],
      [tokenForm({ client_assertion: service.assertion({ exp: 1 }) }), 401, "invalid_client", "assertion_expired"],
      [tokenForm({ client_assertion: service.assertion({ aud: "x" }) }), 401, "invalid_client", "assertion_audience"],
      [tokenForm({ client_secret: "csrs_x", client_assertion: "" }), 401, "invalid_client", "client_rejected"],
    ] as const) {
      const answer = await postForm(at("/oauth2/token"), form);
      assertError(answer, status, error, code);
      assert.ok(!isChallenged(answer), "the client didn't use the Authorization header");
    }
  });

  test("doesn't accept the Authorization header, and answers it with a challenge", async () => {
    for (const headers of [basic(clientId, clientSecret), { Authorization: "Bearer x" }, { Authorization: "" }]) {
      const answer = await postForm(at("/oauth2/token"), tokenForm(), headers);
      assertError(answer, 401, "invalid_client", "client_rejected");
      assert.equal(answer.headers["www-authenticate"], 'Basic realm="countersign", charset="UTF-8"');
    }
  });

  test("accepts an assertion once, over both endpoints", async () => {
    const form = tokenForm();
    assert.equal((await postForm(at("/oauth2/token"), form)).status, 200);
    assertError(await postForm(at("/oauth2/token"), form), 401, "invalid_client", "assertion_replayed");
    assertError(
      await postForm(at("/oauth2/revoke"), { ...form, token: await mint() }),
      401,
      "invalid_client",
      "assertion_replayed",
    );
  });

  test("grants exactly one of two requests at once with one assertion", async () => {
    const form = tokenForm();
    const answers = await Promise.all([1, 2, 3, 4].map(() => postForm(at("/oauth2/token"), form)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(answers.filter(({ status }) => status === 401).length, 3);
  });

  test("and the exchange refuse each other's assertions", async () => {
    const exchange = (assertion: string) =>
      send(at("/api/auth/v0/refresh/"), "GET", { headers: { Authorization: `JWT ${assertion}` } });
    const issuer = "https://auth.example";
    const both = { ...exampleClaims(), iss: "api-1-demo", sub: "api-1-demo", exp: NOW_SECONDS + 60, jti: "both" };
    const alice = rsaKeyPair("alice").privateKey;
    for (const aud of [
      undefined,
      issuer,
      `${issuer}/`,
      `${issuer}/oauth2/token`,
      `${issuer}/api/auth/v0/refresh/`,
      [issuer, `${issuer}/oauth2/token`],
      [issuer, `${issuer}/api/auth/v0/refresh/`, `${issuer}/oauth2/token`],
    ]) {
      const claims = { ...both, jti: `both ${String(aud)}`, ...(aud !== undefined && { aud }) };
      const assertion = buildAssertion(alice, { claims });
      const statuses = [
        (await exchange(assertion)).status,
        (await postForm(at("/oauth2/token"), tokenForm({ client_assertion: assertion }))).status,
      ];
      assert.ok(statuses.filter((status) => status === 200).length <= 1, `${String(aud)}: ${statuses.join(" ")}`);
    }
  });

  test("delays a rejection by 10 ms from the arrival of the body, and delays nothing else", async () => {
    const { port, hostname } = new URL(service.url);
    const measureDelay = async (): Promise<number> => {
      const rejected = tokenForm({ client_assertion: service.assertion({}, bob) });
      const before = service.pauses.length;
      const body = new URLSearchParams(rejected).toString();
      // The head is sent at once, and the body after more than the delay.
      const socket = connect(Number(port), hostname);
      socket.write(
        `POST /oauth2/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      await new Promise((resolve) => setTimeout(resolve, 25));
      socket.write(body);
      let answer = "";
      for await (const chunk of socket) answer += String(chunk);
      assert.match(answer, /assertion_rejected/);
      return service.pauses[before] ?? assert.fail("the rejection wasn't delayed");
    };
    let pause = 0;
    // On a busy machine the work alone may take 10 ms; counted from the head, the delay would always have passed.
    for (let tries = 0; pause === 0 && tries < 100; tries++) pause = await measureDelay();
    assert.ok(pause > 0 && pause <= 10, `delayed by ${pause} ms`);
    const before = service.pauses.length;
    await postForm(at("/oauth2/token"), tokenForm());
    await postForm(at("/oauth2/token"), tokenForm({ client_assertion: "x" }));
    assert.equal(service.pauses.length, before);
  });

  test("refuses with a Retry-After where the registry can't be read", async () => {
    const other = await start();
    other.watched.fail("users.loadRecord");
    const answer = await postForm(`${other.url}/oauth2/token`, {
      grant_type: "client_credentials",
      client_assertion_type: JWT_BEARER,
      client_assertion: other.assertion(),
    });
    assertError(answer, 503, "temporarily_unavailable", "unavailable");
    assert.equal(answer.headers["retry-after"], "1");
  });
});

describe("POST /oauth2/revoke", () => {
  const revoke = (token: string, more: Parameters = {}) => {
    const { grant_type: _, ...rest } = tokenForm(more);
    return postForm(at("/oauth2/revoke"), { ...rest, token });
  };

  test("answers 200 with an empty body, and the token is dead, whatever token_type_hint says", async () => {
    for (const hint of ["access_token", "refresh_token", "x", ""]) {
      const [token, sibling] = [await mint(), await mint()];
      const answer = await revoke(token, { token_type_hint: hint });
      assert.equal(answer.status, 200, answer.body);
      assert.equal(answer.body, "");
      assert.deepEqual(
        [answer.headers["content-length"], answer.headers["cache-control"], answer.headers["pragma"]],
        ["0", "no-store", "no-cache"],
      );
      assert.equal((await introspect(token)).body, '{"active":false}');
      assert.match((await introspect(sibling)).body, /^\{"active":true/);
      const checked = await send(at("/api/auth/v0/check/"), "GET", { headers: { Authorization: `Token ${token}` } });
      assert.equal(checked.status, 403);
    }
  });

  test("answers 200 to what isn't a live token", async () => {
    for (const token of [
      "x",
      "1.x.y",
      mintToken(signingKeys, { nonce: 1, userId: 1, expiresAtSeconds: 1, keyId: 1 }),
    ]) {
      assert.equal((await revoke(token)).status, 200);
    }
    assertError(await revoke(""), 400, "invalid_request", "bad_request");
  });

  test("refuses another client's token", async () => {
    const foreign = mintToken(signingKeys, { nonce: 1, userId: 2, expiresAtSeconds: NOW_SECONDS + 60, keyId: 2 });
    assertError(await revoke(foreign), 400, "invalid_request", "token_foreign");
  });
});

describe("POST /oauth2/introspect", () => {
  test("names an active token's user, and the position of the feed that this reflects", async () => {
    const token = await mint();
    const answer = await introspect(token);
    assert.equal(answer.status, 200);
    assertJson(answer);
    const claims = verifyToken(signingKeys, token);
    assert.ok(typeof claims === "object");
    assert.equal(
      answer.body,
      JSON.stringify({
        active: true,
        token_type: "Bearer",
        client_id: "api-1-demo",
        username: "api-1-demo",
        sub: "api-1-demo",
        iss: "https://auth.example",
        exp: claims.expiresAtSeconds,
        jti: formatTokenId(claims),
        account: "acme",
        access: "full",
        user_id: 1,
        key_id: 1,
      }),
    );
    assert.equal(answer.headers["countersign-feed-position"], String(service.view.feed.position()));
    assert.equal(answer.headers["countersign-feed-position"], String((await service.registry.store.events.last()).seq));
  });

  test("states a position from before the check, never one after it", async () => {
    const other = await start();
    const { server, secret } = await other.servers.create("test", "shop");
    const token = mintToken(signingKeys, { nonce: 1, userId: 1, expiresAtSeconds: NOW_SECONDS + 60, keyId: 1 });
    await postForm(`${other.url}/oauth2/introspect`, { token: "x" }, basic(server.clientId, secret));
    const before = other.view.feed.position();
    const delayed = other.watched.delayNext("users.loadRecordByKey");
    const asking = postForm(`${other.url}/oauth2/introspect`, { token }, basic(server.clientId, secret));
    await delayed.asked;
    await other.changes.setKeyStanding("test", 1 as KeyId, "deactivated");
    delayed.release();
    const answer = await asking;
    assert.equal(answer.headers["countersign-feed-position"], String(before));
  });

  test("accepts credentials in the header or in the form, encoded or not", async () => {
    const token = await mint();
    const encoded = basic(clientId.replace("-", "%2D"), clientSecret.replace("_", "%5F"));
    for (const [form, headers] of [
      [{ token }, basic(clientId, clientSecret)],
      [{ token }, encoded],
      [{ token, token_type_hint: "refresh_token" }, basic(clientId, clientSecret)],
      [{ token, client_id: clientId }, basic(clientId, clientSecret)],
      [{ token, client_id: clientId, client_secret: clientSecret }, {}],
    ] as const) {
      const answer = await postForm(at("/oauth2/introspect"), form, headers);
      assert.match(answer.body, /^\{"active":true/, JSON.stringify(form));
    }
  });

  test("refuses wrong credentials with a challenge", async () => {
    const token = await mint();
    const wrong = `${clientSecret.slice(0, -1)}${clientSecret.endsWith("0") ? "1" : "0"}`;
    for (const [form, headers] of [
      [{ token }, {}],
      [{ token }, { Authorization: "Bearer x" }],
      [{ token }, { Authorization: `Token ${token}` }],
      [{ token }, basic(clientId, wrong)],
      [{ token }, basic("rs-9", clientSecret)],
      [{ token }, basic("api-1-demo", clientSecret)],
      [{ token, client_id: clientId, client_secret: wrong }, {}],
      [{ token, client_secret: clientSecret }, {}],
      [{ token, client_id: clientId }, {}],
    ] as const) {
      const answer = await postForm(at("/oauth2/introspect"), form, headers);
      assertError(answer, 401, "invalid_client", "client_rejected");
      assert.equal(answer.headers["www-authenticate"], 'Basic realm="countersign", charset="UTF-8"');
      assert.equal(answer.headers["countersign-feed-position"], undefined);
    }
  });

  test("refuses a client that authenticates twice", async () => {
    const form = { token: "x", client_id: clientId, client_secret: clientSecret };
    const answer = await postForm(at("/oauth2/introspect"), form, basic(clientId, clientSecret));
    assertError(answer, 400, "invalid_request", "bad_request");
  });

  test("checks the credentials before the token", async () => {
    const answer = await postForm(at("/oauth2/introspect"), {}, basic(clientId, "x"));
    assertError(answer, 401, "invalid_client", "client_rejected");
    assertError(await introspect(""), 400, "invalid_request", "bad_request");
  });

  test("gives the same bytes for every inactive token, whatever the reason", async () => {
    const other = await start();
    const { server, secret } = await other.servers.create("test", "shop");
    const ask = (token: string) =>
      postForm(`${other.url}/oauth2/introspect`, { token }, basic(server.clientId, secret));
    const claims = { nonce: 1, userId: 1, expiresAtSeconds: NOW_SECONDS + 60, keyId: 1 };
    const good = mintToken(signingKeys, claims);
    const answers: HttpAnswer[] = [];
    const reasons: [string, () => Promise<unknown>, string][] = [
      ["malformed", async () => undefined, "x"],
      ["altered", async () => undefined, `${good.slice(0, -2)}AA`],
      ["another signing key", async () => undefined, mintToken(testSigningKeys(2), claims)],
      ["unknown key", async () => undefined, mintToken(signingKeys, { ...claims, keyId: 77 })],
      ["another user's key", async () => undefined, mintToken(signingKeys, { ...claims, userId: 77 })],
      ["expired", async () => undefined, mintToken(signingKeys, { ...claims, expiresAtSeconds: NOW_SECONDS })],
      ["account off", () => other.changes.setAccountStanding("test", "acme", "deactivated"), good],
      ["user off", () => other.changes.setUserStanding("test", "api-1-demo", "deactivated"), good],
      ["key off", () => other.changes.setKeyStanding("test", 1 as KeyId, "deactivated"), good],
      ["key revoked", () => other.changes.revokeKey("test", 1 as KeyId), good],
    ];
    assert.match((await ask(good)).body, /^\{"active":true/);
    for (const [, change, token] of reasons) {
      await change();
      answers.push(await ask(token));
    }
    for (const [index, answer] of answers.entries()) {
      assert.equal(answer.status, 200);
      assert.equal(answer.body, '{"active":false}', String(reasons[index]));
      const headers = { ...answer.headers };
      for (const name of ["date", "x-request-id", "countersign-feed-position"]) delete headers[name];
      const first = { ...answers[0]?.headers };
      for (const name of ["date", "x-request-id", "countersign-feed-position"]) delete first[name];
      assert.deepEqual(headers, first);
      assert.match(answer.headers["countersign-feed-position"] ?? "", /^[0-9]+$/);
    }
  });

  test("reads the store while the view isn't confirmed, and refuses where it can't", async () => {
    const other = await start();
    const { server, secret } = await other.servers.create("test", "shop");
    const token = mintToken(signingKeys, { nonce: 1, userId: 1, expiresAtSeconds: NOW_SECONDS + 60, keyId: 1 });
    const ask = () => postForm(`${other.url}/oauth2/introspect`, { token }, basic(server.clientId, secret));
    assert.match((await ask()).body, /^\{"active":true/);
    other.clock.advanceMonotonicMs(5001);
    assert.match((await ask()).body, /^\{"active":true/);
    for (const method of ["users.loadRecordByKey", "revokedTokens.has", "resourceServers.load"] as const) {
      other.watched.fail(method);
      const answer = await ask();
      assertError(answer, 503, "temporarily_unavailable", "unavailable");
      assert.equal(answer.headers["retry-after"], "1");
    }
  });

  test("accepts the old secret until the grace ends, and refuses a deactivated server", async () => {
    const other = await start();
    const first = await other.servers.create("test", "shop");
    const second = await other.servers.rotate("test", "shop", 1000);
    const statusOf = async (secret: string) =>
      (await postForm(`${other.url}/oauth2/introspect`, { token: "x" }, basic("rs-1", secret))).status;
    assert.deepEqual([await statusOf(first.secret), await statusOf(second.secret)], [200, 200]);
    other.clock.advanceSeconds(1);
    assert.deepEqual([await statusOf(first.secret), await statusOf(second.secret)], [401, 200]);
    await other.servers.setStanding("test", "shop", "deactivated");
    assert.deepEqual([await statusOf(first.secret), await statusOf(second.secret)], [401, 401]);
    await other.servers.setStanding("test", "shop", "active");
    assert.deepEqual([await statusOf(first.secret), await statusOf(second.secret)], [401, 200]);
  });

  test("is counted in the metrics: active, inactive by reason, refused by code, each under its own route", async () => {
    const other = await start();
    const { server, secret } = await other.servers.create("test", "shop");
    const token = mintToken(signingKeys, { nonce: 1, userId: 1, expiresAtSeconds: NOW_SECONDS + 60, keyId: 1 });
    for (const text of [token, "x"]) {
      await postForm(`${other.url}/oauth2/introspect`, { token: text }, basic(server.clientId, secret));
    }
    await postForm(`${other.url}/oauth2/introspect`, { token });
    await postForm(`${other.url}/oauth2/token`, { grant_type: "x" });
    await postForm(`${other.url}/oauth2/revoke`, {});
    const figures = await other.metrics();
    for (const line of [
      "countersign_tokens_active_total 1",
      'countersign_tokens_inactive_total{reason="malformed"} 1',
      'countersign_refusals_total{route="introspection",code="client_rejected"} 1',
      'countersign_refusals_total{route="oauth_token",code="grant_type_unsupported"} 1',
      'countersign_refusals_total{route="revocation",code="client_rejected"} 1',
      "countersign_change_streams 0",
    ]) {
      assert.ok(figures.includes(`\n${line}\n`), line);
    }
  });
});

describe("the refusal limit", () => {
  test("blocks a client that guesses a resource server's secret, and never one with the right secret", async () => {
    const limited = await start({ refusalLimit: 3 });
    const { server, secret } = await limited.servers.create("test", "shop");
    const ask = (given: string) =>
      postForm(`${limited.url}/oauth2/introspect`, { token: "x" }, basic(server.clientId, given));
    for (let guess = 0; guess < 3; guess++) assert.equal((await ask("x")).status, 401);
    for (let guess = 0; guess < 2; guess++) {
      const answer = await ask("x");
      assertError(answer, 429, "temporarily_unavailable", "rate_limited");
      assert.equal(answer.headers["retry-after"], "60");
      assert.equal(answer.headers["ratelimit-policy"], '"refusals";q=3;w=60');
      assert.equal(answer.headers["ratelimit"], '"refusals";r=0;t=60');
    }
    assert.equal((await ask(secret)).status, 200);
    const feed = await send(`${limited.url}/api/auth/v0/changes/`, "GET", { headers: basic(server.clientId, "x") });
    assert.equal(feed.status, 429);
    const twice = { token: "x", client_id: server.clientId, client_secret: secret };
    const both = await postForm(`${limited.url}/oauth2/introspect`, twice, basic(server.clientId, secret));
    assert.equal(both.status, 400, "what isn't a guess isn't limited");
    limited.clock.advanceMonotonicMs(5001);
    limited.watched.fail("resourceServers.load");
    assert.equal((await ask(secret)).status, 503, "nor does it count where the secret can't be checked");
    limited.watched.fail();
    limited.clock.advanceSeconds(60);
    assert.equal((await ask("x")).status, 401);
  });

  for (const path of ["/oauth2/token", "/oauth2/revoke"]) {
    test(`blocks a client that was refused at ${path} too often, before anything is read`, async () => {
      const limited = await start({ refusalLimit: 3 });
      const form = {
        grant_type: "client_credentials",
        client_assertion_type: JWT_BEARER,
        token: "x",
      };
      for (let count = 0; count < 5; count++) {
        const good = await postForm(limited.url + path, { ...form, client_assertion: limited.assertion() });
        assert.equal(good.status, 200, "what is accepted isn't counted");
      }
      for (let count = 0; count < 3; count++) assert.equal((await postForm(limited.url + path, form)).status, 401);
      const shut = await postForm(limited.url + path, { ...form, client_assertion: limited.assertion() });
      assertError(shut, 429, "temporarily_unavailable", "rate_limited");
      assert.equal(shut.headers["retry-after"], "60");
      assert.equal((await send(limited.url + path, "OPTIONS")).status, 204);
    });
  }
});

describe("the metadata", () => {
  test("name the endpoints and what they accept, as in RFC 8414", async () => {
    const answer = await send(at("/.well-known/oauth-authorization-server"), "GET");
    assert.equal(answer.status, 200);
    assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.deepEqual(JSON.parse(answer.body), {
      issuer: "https://auth.example",
      token_endpoint: "https://auth.example/oauth2/token",
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
      token_endpoint_auth_signing_alg_values_supported: ["RS256", "RS384", "RS512"],
      grant_types_supported: ["client_credentials"],
      response_types_supported: [],
      revocation_endpoint: "https://auth.example/oauth2/revoke",
      revocation_endpoint_auth_methods_supported: ["private_key_jwt"],
      revocation_endpoint_auth_signing_alg_values_supported: ["RS256", "RS384", "RS512"],
      introspection_endpoint: "https://auth.example/oauth2/introspect",
      introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
      service_documentation: "https://auth.example/docs/errors",
    });
    assert.equal((await send(at("/.well-known/oauth-authorization-server"), "HEAD")).status, 200);
    assert.equal((await send(at("/.well-known/oauth-authorization-server"), "POST")).status, 405);
    assert.equal((await send(at("/.well-known/oauth-authorization-server/x"), "GET")).status, 404);
  });

  test("of a public URL with a path are also at the path where clients look for them", async () => {
    const other = await start({ publicUrl: "https://auth.example/sign/in" });
    const bodies: string[] = [];
    for (const path of ["/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/sign/in"]) {
      const { status, body } = await send(other.url + path, "GET");
      assert.equal(status, 200);
      bodies.push(body);
    }
    assert.equal(bodies[0], bodies[1]);
    const { issuer, token_endpoint } = JSON.parse(bodies[0] ?? "") as Record<string, string>;
    assert.deepEqual(
      [issuer, token_endpoint],
      ["https://auth.example/sign/in", "https://auth.example/sign/in/oauth2/token"],
    );
  });
});

test("no secret, token or assertion is in the log at its most verbose level", () => {
  const log = service.log();
  assert.ok(log.includes('"route":"oauth_token"') && log.includes('"route":"introspection"'));
  assert.ok(!log.includes("[redacted]"), "and the redactor, the last resort, had nothing to remove");
  assert.doesNotMatch(log, /csrs_|eyJ[A-Za-z0-9_-]{10}|1\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{43}/);
});
