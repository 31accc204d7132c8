/**
 * Checks a real server process against the wire contract byte by byte: what clients send, what they get, and that
 * nothing a client can send gets anything else.
 */
import assert from "node:assert/strict";
import { createHmac, type KeyObject, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import {
  KEY_CHALLENGES_PATH,
  KEYS_PATH,
  REFUSAL_CODES,
  type RefusalCode,
  REVOKE_KEY_PATH,
} from "@countersign/protocol";
import { Validator } from "@seriousme/openapi-schema-validator";
import { eventually } from "../testkit/eventually.ts";
import { mintToken, readStoreId } from "../testkit/mint-token.ts";
import { connectRaw, type RawAnswer, requestHead, sendRaw } from "../../packages/server/src/testing/raw-http.ts";
import { makeKeyPair, rsaKeyPair } from "../testkit/rsa-keys.ts";
import { startServer, type TestServer } from "../testkit/server.ts";
import { signAssertion, signParts } from "../testkit/sign-assertion.ts";

/** The status of an empty POST without credentials, where it isn't 400. */
const POST_STATUSES: Readonly<Record<string, number>> = {
  [KEY_CHALLENGES_PATH]: 200,
  [KEYS_PATH]: 401,
  [REVOKE_KEY_PATH]: 415,
};

const REFRESH = "/api/auth/v0/refresh/";
/** Under a name that the internal listener knows. */
const LOCAL = [["Host", "localhost"]] as const;
const CHECK = "/api/auth/v0/check/";

type Headers = readonly (readonly [name: string, value: string])[];

const pair = makeKeyPair();
const strangerPair = makeKeyPair();
const strangerJwk = strangerPair.publicKey.export({ format: "jwk" });
const masterSecret = randomBytes(32);

let server: TestServer;
/** Serves with a refusal limit of 5, and trusts only 127.0.0.1 as a proxy. */
let limited: TestServer;
const users = { active: "", reader: "", userOff: "", accountOff: "", keyOff: "", keyExpired: "" };
let activeKey: { id: number; thumbprint: string };

before(async () => {
  [server, limited] = await Promise.all([
    startServer({
      flags: ["--refusal-limit", "0"],
      env: { COUNTERSIGN_MASTER_SECRET: masterSecret.toString("base64") },
    }),
    startServer({ flags: ["--refusal-limit", "5", "--trusted-proxies", "127.0.0.1"] }),
  ]);
  await Promise.all([
    server.json("account", "create", "acme"),
    server.json("account", "create", "closed"),
    limited.json("account", "create", "acme"),
  ]);
  await Promise.all(
    (Object.keys(users) as (keyof typeof users)[]).map(async (name) => {
      const account = name === "accountOff" ? "closed" : "acme";
      const flags = name === "reader" ? ["--read-only"] : [];
      const user = await server.json<{ username: string }>(
        "user",
        "create",
        name.toLowerCase(),
        "--account",
        account,
        ...flags,
      );
      users[name] = user.username;
      const key = await addKey(server, user.username, name === "keyExpired" ? ["--expires-in", "1s"] : []);
      if (name === "active") activeKey = key;
      if (name === "keyOff") await server.json("key", "deactivate", String(key.id));
      if (name === "userOff") await server.json("user", "deactivate", user.username);
      if (name === "accountOff") await server.json("account", "deactivate", account);
    }),
  );
});

after(() => Promise.all([server, limited].map((started) => started.stop())));

async function addKey(to: TestServer, username: string, flags: readonly string[] = []) {
  const { publicPem } = rsaKeyPair(username);
  const result = await to.cliWithInput(publicPem, "key", "add", username, "-", "--json", ...flags);
  assert.equal(result.status, 0, result.stderr);
  return JSON.parse(result.stdout) as { id: number; thumbprint: string };
}

/** The `Authorization` header of a valid assertion by the active user, or of one that differs from it. */
function authorization(
  options: Parameters<typeof signAssertion>[2] & { username?: string; privateKey?: KeyObject } = {},
): Headers {
  return [["Authorization", `JWT ${assertion(options)}`]];
}

function assertion(
  options: Parameters<typeof signAssertion>[2] & { username?: string; privateKey?: KeyObject } = {},
): string {
  const { username = users.active, privateKey = rsaKeyPair(username).privateKey } = options;
  return signAssertion(username, privateKey, options);
}

function get(target: string, headers: Headers = []): Promise<RawAnswer> {
  return sendRaw(server.publicUrl, requestHead("GET", target, headers));
}

const nowSeconds = () => Date.now() / 1000;

const COMMON = {
  "cache-control": "no-store",
  pragma: "no-cache",
  "content-type": "application/json; charset=utf-8",
  "x-content-type-options": "nosniff",
} as const;

function assertCommonHeaders(answer: RawAnswer): void {
  for (const [name, value] of Object.entries(COMMON)) assert.equal(answer.header(name), value, name);
  assert.match(answer.header("x-request-id") ?? "", /^[0-9a-f]{24}$/);
  for (const revealing of ["server", "x-powered-by", "via"]) assert.equal(answer.header(revealing), undefined);
}

/** Asserts that a refusal is the envelope, member by member and in order. */
function assertRefusal(
  answer: RawAnswer,
  status: number,
  code: RefusalCode,
  options: { challenge?: "JWT" | "Token"; docsAt?: string } = {},
) {
  const { challenge = "JWT", docsAt = server.publicUrl } = options;
  assert.equal(`${answer.status} ${/"code":"(\w+)"/.exec(answer.body)?.[1]}`, `${status} ${code}`, answer.body);
  const envelope = JSON.parse(answer.body);
  const [item] = envelope.meta.errors;
  assert.equal(
    answer.body,
    JSON.stringify({
      meta: {
        code: status,
        errors: [
          {
            code,
            message: item.message,
            ...(item.hint === undefined ? {} : { hint: item.hint }),
            docs: `${docsAt}/docs/errors#${code}`,
          },
        ],
        warnings: [],
      },
      data: {},
    }),
  );
  assert.match(item.message, /^[A-Z0-9].{5,200}[.]$/, "one sentence");
  assert.equal(
    answer.header("www-authenticate"),
    status === 401 ? `${challenge} realm="countersign", error="${code}"` : undefined,
  );
  assertCommonHeaders(answer);
  return item as { code: string; message: string; hint?: string; docs: string };
}

interface Granted {
  readonly token: string;
  readonly issuedAt: string;
  readonly expiresIn: number;
  readonly expiresAt: string;
  readonly warnings: readonly { code: string; message: string }[];
}

/** Asserts that a grant is the documented text, byte by byte. */
function assertGrant(answer: RawAnswer): Granted {
  assert.equal(answer.status, 200, answer.body);
  const match =
    /^\{"meta":\{"code":200,"errors":\[\],"warnings":(\[.*\])\},"data":\{"issued_at":([0-9]{10}\.[0-9]{6}),"token":"([0-9]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43})","expires_in":([0-9]+),"expires_at":([0-9]{10}\.[0-9]{6})\}\}$/.exec(
      answer.body,
    );
  assert.ok(match, `not the documented form: ${answer.body}`);
  const [, warnings = "", issuedAt = "", token = "", expiresIn = "", expiresAt = ""] = match;
  const microseconds = (text: string) => BigInt(text.replace(".", ""));
  assert.equal(microseconds(expiresAt), microseconds(issuedAt) + BigInt(expiresIn) * 1_000_000n);
  assert.ok(Math.abs(Number(issuedAt) - nowSeconds()) < 10, "issued_at is now");
  assertCommonHeaders(answer);
  return { token, issuedAt, expiresIn: Number(expiresIn), expiresAt, warnings: JSON.parse(warnings) };
}

async function figure(of: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${of.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} ([0-9.]+)$`, "m").exec(text)?.[1]);
}

const tokensIssued = () => figure(server, "countersign_tokens_issued_total");

async function freshToken(username = users.active, target = REFRESH): Promise<string> {
  return assertGrant(await get(target, authorization({ username }))).token;
}

describe("the exchange", { concurrency: true }, () => {
  test("a signed assertion gets a token in exactly the documented form, for an hour unless asked otherwise", async () => {
    const { expiresIn, warnings } = assertGrant(await get(REFRESH, authorization()));
    assert.equal(expiresIn, 3600);
    assert.deepEqual(warnings, []);
  });

  test("the path without its slash gives the same answer and no redirect", async () => {
    assertGrant(await get(REFRESH.slice(0, -1), authorization()));
    assertGrant(await get(`${REFRESH.slice(0, -1)}?ttl=900`, authorization()));
    assertRefusal(await get(REFRESH.slice(0, -1)), 401, "authorization_missing");
  });

  test("every request mints a new token, and earlier ones stay valid", async () => {
    const header = authorization();
    const tokens: string[] = [];
    for (let round = 0; round < 20; round++) tokens.push(assertGrant(await get(REFRESH, header)).token);
    assert.equal(new Set(tokens).size, tokens.length);
    const [first] = tokens;
    assert.equal((await get(CHECK, [["Authorization", `Token ${first}`]])).status, 200);
  });

  test("the token carries expires_at rounded up, so that it doesn't end before the promised time", async () => {
    const { token, expiresAt } = assertGrant(await get(REFRESH, authorization()));
    const checked = await get(CHECK, [["Authorization", `Token ${token}`]]);
    assert.equal(checked.header("x-auth-expires-at"), String(Math.ceil(Number(expiresAt))));
  });

  for (const [ttl, warned] of [
    [600, true],
    [601, true],
    [899, true],
    [900, false],
    [3600, false],
    [43_200, false],
  ] as const) {
    test(`a ttl of ${ttl} s is granted ${warned ? "with" : "without"} a warning`, async () => {
      const { expiresIn, warnings } = assertGrant(await get(`${REFRESH}?ttl=${ttl}`, authorization()));
      assert.equal(expiresIn, ttl);
      assert.deepEqual(
        warnings.map(({ code }) => code),
        warned ? ["ttl_below_documented_minimum"] : [],
      );
    });
  }

  test("unknown query parameters are ignored", async () => {
    const target = `${REFRESH}?a=1&TTL=1&ttl=700&ttl%5B%5D=5&%zz&=&__proto__=1&constructor=2`;
    assert.equal(assertGrant(await get(target, authorization())).expiresIn, 700);
    assert.equal(assertGrant(await get(`${REFRESH}?`, authorization())).expiresIn, 3600);
  });

  for (const query of [
    "ttl=",
    "ttl",
    "ttl=599",
    "ttl=43201",
    "ttl=0",
    "ttl=-600",
    "ttl=+3600",
    "ttl=%2B3600",
    "ttl=1e3",
    "ttl=3600.5",
    "ttl=3600.0",
    "ttl=0x1000",
    "ttl=3600s",
    "ttl=%203600",
    "ttl=3600%20",
    "ttl=3600%00",
    "ttl=%D9%A3%D9%A6%D9%A0%D9%A0",
    "ttl=3600&ttl=3600",
    "ttl=3600&ttl=",
    `ttl=${"9".repeat(400)}`,
    "ttl=Infinity",
    "ttl=NaN",
    "ttl=3600,3600",
  ]) {
    const name = query.length > 60 ? `${query.slice(0, 20)}…` : query;
    test(`${name} is refused, and nothing is granted`, async () => {
      assertRefusal(await get(`${REFRESH}?${query}`, authorization()), 400, "ttl_invalid");
    });
  }

  test("a bad ttl is refused only after the assertion, so that it reveals nothing", async () => {
    assertRefusal(await get(`${REFRESH}?ttl=1`), 401, "authorization_missing");
    const stranger = authorization({ privateKey: strangerPair.privateKey });
    assertRefusal(await get(`${REFRESH}?ttl=1`, stranger), 401, "assertion_rejected");
  });

  for (const scheme of ["JWT ", "jwt ", "Jwt ", "jWt ", "JWT   ", "JWT             "]) {
    test(`"${scheme}" introduces the assertion`, async () => {
      assertGrant(await get(REFRESH, [["Authorization", `${scheme}${assertion()}`]]));
    });
  }

  test("header names are read without regard to case", async () => {
    assertGrant(await get(REFRESH, [["aUTHORIZATION", `JWT ${assertion()}`]]));
  });

  for (const [name, options] of [
    ["RS384", () => ({ header: { alg: "RS384" } })],
    ["RS512", () => ({ header: { alg: "RS512" } })],
    ["no typ", () => ({ header: { typ: undefined } })],
    // Made when the test runs, and with a margin to each bound, since a request may take long on a busy machine.
    ["a whole iat", () => ({ claims: { iat: Math.floor(nowSeconds()) } })],
    ["an iat 20 s ago", () => ({ claims: { iat: nowSeconds() - 20 } })],
    ["an iat in 50 s", () => ({ claims: { iat: nowSeconds() + 50 } })],
    ["an exp that passed 20 s ago", () => ({ claims: { exp: nowSeconds() - 20 } })],
    ["an nbf in 30 s", () => ({ claims: { nbf: nowSeconds() + 30 } })],
    ["other claims", () => ({ claims: { sub: 1, jti: {}, iss: null, scope: ["x"], nested: { username: "other" } } })],
    ["an unknown kid", () => ({ header: { kid: "a client's name for it" } })],
    ["a kid that isn't a string", () => ({ header: { kid: 5 } })],
  ] as const) {
    test(`an assertion with ${name} is accepted`, async () => {
      assertGrant(await get(REFRESH, authorization(options())));
    });
  }

  test("a kid that is the key's id or thumbprint selects the key", async () => {
    for (const kid of [String(activeKey.id), activeKey.thumbprint]) {
      assertGrant(await get(REFRESH, authorization({ header: { kid } })));
    }
  });

  test("an aud that names this service is accepted, alone or among others", async () => {
    const own = server.publicUrl;
    for (const aud of [own, `${own}/`, own + REFRESH, (own + REFRESH).slice(0, -1), ["https://other.test", own]]) {
      assertGrant(await get(REFRESH, authorization({ claims: { aud } })));
    }
  });

  test("keys that the header contains or refers to are neither trusted nor fetched", async (t) => {
    let fetched = 0;
    const keyServer = createServer((_request, response) => {
      fetched++;
      response.end(JSON.stringify({ keys: [strangerJwk] }));
    });
    await new Promise<void>((resolve) => {
      keyServer.listen(0, "127.0.0.1", resolve);
    });
    t.after(() => keyServer.close());
    const url = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/jwks.json`;
    for (const header of [
      { jwk: strangerJwk },
      { jku: url },
      { x5u: url },
      { x5c: [strangerPair.publicKey.export({ format: "der", type: "spki" }).toString("base64")] },
      { jwk: strangerJwk, kid: String(activeKey.id) },
    ]) {
      const forged = authorization({ header, privateKey: strangerPair.privateKey });
      assertRefusal(await get(REFRESH, forged), 401, "assertion_rejected");
      assertGrant(await get(REFRESH, authorization({ header: { ...header, kid: undefined } })));
    }
    assert.equal(fetched, 0);
  });
});

describe("what the exchange refuses", { concurrency: true }, () => {
  test("no credential: the hint names a proxy as a possible cause", async () => {
    assert.match(assertRefusal(await get(REFRESH), 401, "authorization_missing").hint ?? "", /proxy/);
    assertRefusal(await get(REFRESH, [["Authorization", ""]]), 401, "authorization_missing");
    assertRefusal(await get(REFRESH, [["Proxy-Authorization", `JWT ${assertion()}`]]), 401, "authorization_missing");
  });

  for (const [name, value] of [
    ["Bearer", () => `Bearer ${assertion()}`],
    ["Token", () => `Token ${assertion()}`],
    ["Basic", () => `Basic ${Buffer.from("a:b").toString("base64")}`],
    ["the bare assertion", () => assertion()],
    ["no space", () => `JWT${assertion()}`],
    ["a tab", () => `JWT\t${assertion()}`],
    ["a comma", () => `JWT,${assertion()}`],
    ["a parameter", () => `JWT=${assertion()}`],
    ["a scheme that only looks like JWT", () => `J\u0057\u0054\u00a0${assertion()}`],
  ] as const) {
    test(`the wrong scheme (${name}): the hint names the right one`, async () => {
      const { hint } = assertRefusal(await get(REFRESH, [["Authorization", value()]]), 401, "authorization_scheme");
      assert.match(hint ?? "", /JWT/);
    });
  }

  const [head = "", claims = "", signature = ""] = signAssertion("api-1-x", pair.privateKey).split(".");
  for (const [name, credential] of [
    ["nothing behind the scheme", ""],
    ["a word", "hello"],
    ["two parts", `${head}.${claims}`],
    ["four parts", `${head}.${claims}.${signature}.`],
    ["five parts, as a JWE has", `${head}.${claims}.${signature}.${head}.${head}`],
    ["padding", `${head}.${claims}.${signature}==`],
    ["plain base64", `${head}.${claims}.${"+/".repeat(100)}`],
    ["white space inside", `${head}. ${claims}.${signature}`],
    ["a part that isn't JSON", signParts("{}x", "{}", pair.privateKey)],
    ["an array for claims", signParts('{"alg":"RS256"}', "[]", pair.privateKey)],
    ["null for claims", signParts('{"alg":"RS256"}', "null", pair.privateKey)],
    ["alg twice", signParts('{"alg":"none","alg":"RS256"}', "{}", pair.privateKey)],
    ["iat twice", signParts('{"alg":"RS256"}', '{"iat":1,"\\u0069at":2}', pair.privateKey)],
    ["a byte order mark", signParts('\ufeff{"alg":"RS256"}', "{}", pair.privateKey)],
    ["8193 characters", `${head}.${claims}.${"A".repeat(8193 - head.length - claims.length - 2)}`],
    ["dots alone", ".."],
  ] as const) {
    test(`a text that isn't a compact JWS: ${name}`, async () => {
      assertRefusal(await get(REFRESH, [["Authorization", `JWT ${credential}`]]), 401, "assertion_malformed");
    });
  }

  test("a Python bytes literal: the hint names the cause", async () => {
    for (const quote of ["'", '"']) {
      const header: Headers = [["Authorization", `JWT b${quote}${assertion()}${quote}`]];
      const { hint } = assertRefusal(await get(REFRESH, header), 401, "assertion_malformed");
      assert.match(hint ?? "", /bytes literal.*decode/);
    }
  });

  for (const alg of [
    "none",
    "None",
    "HS256",
    "HS512",
    "PS256",
    "ES256",
    "EdDSA",
    "rs256",
    "RS1",
    "RS256 ",
    "",
    null,
    5,
    ["RS256"],
  ]) {
    test(`alg ${JSON.stringify(alg)} is refused, whatever the signature`, async () => {
      assertRefusal(await get(REFRESH, authorization({ header: { alg } })), 401, "assertion_algorithm");
    });
  }

  test("alg missing, and alg none without a signature", async () => {
    assertRefusal(await get(REFRESH, authorization({ header: { alg: undefined } })), 401, "assertion_algorithm");
    const unsigned = assertion({ header: { alg: "none" } }).replace(/[^.]*$/, "");
    assertRefusal(await get(REFRESH, [["Authorization", `JWT ${unsigned}`]]), 401, "assertion_algorithm");
  });

  test("HS256 with the public key's PEM as its secret", async () => {
    const signed = assertion({ header: { alg: "HS256" } }).replace(/\.[^.]*$/, "");
    const mac = createHmac("sha256", pair.publicPem).update(signed).digest("base64url");
    const answer = await get(REFRESH, [["Authorization", `JWT ${signed}.${mac}`]]);
    assert.match(assertRefusal(answer, 401, "assertion_algorithm").hint ?? "", /private key/);
  });

  test("crit, whatever it lists", async () => {
    for (const crit of [["b64"], ["exp"], [], null, ""]) {
      assertRefusal(await get(REFRESH, authorization({ header: { crit, b64: true } })), 401, "assertion_header");
    }
  });

  for (const wrong of [
    { username: undefined },
    { username: null },
    { username: "" },
    { username: 1 },
    { username: ["api-1-active"] },
    { username: {} },
    { iat: undefined },
    { iat: null },
    { iat: "1481650253" },
    { iat: true },
    { iat: {} },
    { exp: "never" },
    { exp: null },
    { nbf: "now" },
  ]) {
    test(`claims that are missing or of the wrong type: ${JSON.stringify(wrong)} ${Object.keys(wrong)[0]}`, async () => {
      assertRefusal(await get(REFRESH, authorization({ claims: wrong })), 401, "assertion_claims");
    });
  }

  for (const [code, name, seconds, says] of [
    ["assertion_stale", "iat", -90, /^The assertion's iat is ([0-9]+\.[0-9]) s in the past; 60 s are allowed\.$/],
    ["assertion_early", "iat", 300, /^The assertion's iat is ([0-9]+\.[0-9]) s in the future; 60 s are allowed\.$/],
    ["assertion_early", "nbf", 300, /^The assertion's nbf is ([0-9]+\.[0-9]) s in the future; 60 s are allowed\.$/],
    [
      "assertion_expired",
      "exp",
      -90,
      /^The assertion's exp is ([0-9]+\.[0-9]) s in the past; it must be less than 60 s\.$/,
    ],
  ] as const) {
    test(`${name} ${Math.abs(seconds)} s ${seconds < 0 ? "ago" : "ahead"} is ${code}, and the answer states the difference`, async () => {
      const claimed = nowSeconds() + seconds;
      const answer = await get(REFRESH, authorization({ claims: { [name]: claimed } }));
      const { message, hint } = assertRefusal(answer, 401, code);
      const [, difference] = says.exec(message) ?? assert.fail(message);
      const [, serverTime] = /the server's time is ([0-9]{10}\.[0-9]{6})\.$/.exec(hint ?? "") ?? assert.fail(hint);
      // Independent of how long the request took.
      assert.ok(Math.abs(Math.abs(claimed - Number(serverTime)) - Number(difference)) <= 0.11, message);
    });
  }

  test("an iat in milliseconds: the hint names the cause", async () => {
    const answer = await get(REFRESH, authorization({ claims: { iat: Date.now() } }));
    assert.match(assertRefusal(answer, 401, "assertion_early").hint ?? "", /milliseconds/);
  });

  test("an aud that doesn't name this service", async () => {
    for (const aud of ["https://other.test", "", [], ["x", "y"], 5, null, ["x", 5], `${server.publicUrl}x`]) {
      assertRefusal(await get(REFRESH, authorization({ claims: { aud } })), 401, "assertion_audience");
    }
  });

  test("a wrong key and a signature that was altered or taken from another assertion", async () => {
    const [header, body, own = ""] = assertion().split(".");
    const foreign = assertion({ claims: { iat: nowSeconds() - 1 } }).split(".")[2] ?? "";
    const flipped = (own.startsWith("A") ? "B" : "A") + own.slice(1);
    for (const made of [foreign, flipped, Buffer.from(own, "base64url").subarray(1).toString("base64url"), ""]) {
      const answer = await get(REFRESH, [["Authorization", `JWT ${header}.${body}.${made}`]]);
      assertRefusal(answer, 401, "assertion_rejected");
    }
    assertRefusal(
      await get(REFRESH, authorization({ privateKey: strangerPair.privateKey })),
      401,
      "assertion_rejected",
    );
  });

  test("an unknown user and a wrong key get the same bytes except the request's id and the date", async () => {
    const publicFace = (answer: RawAnswer) =>
      answer.head.replace(/^(X-Request-Id|Date): .*$/gim, "$1: …") + answer.body;
    const { privateKey } = strangerPair;
    const wrongKey = await get(REFRESH, authorization({ privateKey }));
    assertRefusal(wrongKey, 401, "assertion_rejected");
    for (const username of [
      "api-1-nobody",
      "nobody",
      "' or 1=1 --",
      "API-1-ACTIVE",
      "__proto__",
      "é\u0000",
      "x".repeat(4000),
    ]) {
      for (const key of [privateKey, rsaKeyPair(users.active).privateKey]) {
        const unknown = await get(REFRESH, authorization({ username, privateKey: key }));
        assert.equal(publicFace(unknown), publicFace(wrongKey), username);
      }
    }
    for (const username of [users.keyOff, users.userOff, users.accountOff, users.reader]) {
      assert.equal(publicFace(await get(REFRESH, authorization({ username, privateKey }))), publicFace(wrongKey));
    }
  });

  for (const [user, code] of [
    ["keyOff", "key_deactivated"],
    ["userOff", "user_deactivated"],
    ["accountOff", "account_deactivated"],
  ] as const) {
    test(`${code}: 403, only to a client that proves possession of the private key`, async () => {
      assertRefusal(await get(REFRESH, authorization({ username: users[user] })), 403, code);
    });
  }

  test("key_expired: 403, only to a client that proves possession of the private key", async () => {
    const answer = await eventually("the key expires", async () => {
      const asked = await get(REFRESH, authorization({ username: users.keyExpired }));
      return asked.status === 200 ? undefined : asked;
    });
    assertRefusal(answer, 403, "key_expired");
  });

  test("two Authorization headers are refused, even if each is a valid credential", async () => {
    const [own] = authorization() as [readonly [string, string]];
    for (const headers of [
      [own, own],
      [own, ["Authorization", "JWT x"]],
      [["Authorization", "JWT x"], own],
      [own, ["authorization", `Bearer ${assertion()}`]],
      [own, ["Authorization", ""]],
    ] as Headers[]) {
      const answer = await get(REFRESH, headers);
      assert.equal(answer.status, 401, JSON.stringify(headers));
    }
  });

  test("a refused request is never counted as an issued token", async () => {
    // Other tests use the server at the same time; only the difference over refusals matters here.
    const lonely = await figure(limited, "countersign_tokens_issued_total");
    await sendRaw(limited.publicUrl, requestHead("GET", REFRESH, authorization()), { localAddress: "127.0.0.77" });
    assert.equal(await figure(limited, "countersign_tokens_issued_total"), lonely);
  });
});

describe("methods, bodies and connections", () => {
  test("HEAD answers 405 without a body and mints nothing", async () => {
    const before = await tokensIssued();
    for (const target of [REFRESH, REFRESH.slice(0, -1), `${REFRESH}?ttl=900`]) {
      const connection = await connectRaw(server.publicUrl);
      connection.write(requestHead("HEAD", target, authorization()));
      const answer = await connection.answer(true);
      assert.equal(answer.status, 405);
      assert.equal(answer.header("allow"), "GET, OPTIONS");
      // A body here would be read as the next answer.
      connection.write(requestHead("OPTIONS", target));
      assert.equal((await connection.answer()).status, 204);
      connection.end();
    }
    assert.equal(await tokensIssued(), before);
  });

  test("OPTIONS answers with Allow and mints nothing, with and without a credential", async () => {
    const before = await tokensIssued();
    for (const target of [REFRESH, REFRESH.slice(0, -1)]) {
      for (const headers of [[], authorization()]) {
        const answer = await sendRaw(server.publicUrl, requestHead("OPTIONS", target, headers));
        assert.equal(answer.status, 204);
        assert.equal(answer.header("allow"), "GET, OPTIONS");
        assert.match(answer.header("x-request-id") ?? "", /./);
      }
    }
    assert.equal(await tokensIssued(), before);
  });

  for (const method of ["POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "PROPFIND", "LINK"]) {
    test(`${method} is 405 with Allow and mints nothing, with and without a body`, async () => {
      const before = await tokensIssued();
      for (const body of ["", '{"ttl":600}', "not json"]) {
        const headers: Headers = [
          ...authorization(),
          ["Content-Type", "application/json"],
          ["Content-Length", String(body.length)],
        ];
        const answer = await sendRaw(server.publicUrl, requestHead(method, REFRESH, headers) + body);
        assertRefusal(answer, 405, "method_not_allowed");
        assert.equal(answer.header("allow"), "GET, OPTIONS");
      }
      assert.equal(await tokensIssued(), before);
    });
  }

  test("an override of the method changes nothing", async () => {
    const before = await tokensIssued();
    for (const name of ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"]) {
      const answer = await sendRaw(
        server.publicUrl,
        requestHead("POST", `${REFRESH}?_method=GET`, [...authorization(), [name, "GET"]]),
      );
      assertRefusal(answer, 405, "method_not_allowed");
    }
    assert.equal(await tokensIssued(), before);
  });

  test("CONNECT is refused in the envelope", async () => {
    const answer = await sendRaw(server.publicUrl, requestHead("CONNECT", "example.com:443"));
    assertRefusal(answer, 400, "bad_request");
  });

  for (const [name, headers, body] of [
    [
      "an empty body with a content type",
      [
        ["Content-Type", "application/json"],
        ["Content-Length", "0"],
      ],
      "",
    ],
    ["a content type without a length", [["Content-Type", "application/json"]], ""],
    [
      "a body of JSON",
      [
        ["Content-Type", "application/json"],
        ["Content-Length", "2"],
      ],
      "{}",
    ],
    [
      "a body that doesn't match its content type",
      [
        ["Content-Type", "application/json"],
        ["Content-Length", "5"],
      ],
      "hello",
    ],
    [
      "an unknown content type",
      [
        ["Content-Type", "?/;=x"],
        ["Content-Length", "5"],
      ],
      "hello",
    ],
    ["a chunked body", [["Transfer-Encoding", "chunked"]], "5\r\nhello\r\n0\r\n\r\n"],
    ["an Accept that nothing can satisfy", [["Accept", "image/png;q=1, */*;q=0"]], ""],
    [
      "a content encoding",
      [
        ["Content-Encoding", "br"],
        ["Content-Length", "3"],
      ],
      "abc",
    ],
    [
      "conditions",
      [
        ["If-None-Match", "*"],
        ["If-Modified-Since", new Date().toUTCString()],
        ["Range", "bytes=0-1"],
      ],
      "",
    ],
  ] as [string, Headers, string][]) {
    test(`${name} is ignored on the GET, and the connection stays open`, async () => {
      const connection = await connectRaw(server.publicUrl);
      for (let round = 0; round < 2; round++) {
        connection.write(requestHead("GET", REFRESH, [...authorization(), ...headers]) + body);
        assertGrant(await connection.answer());
      }
      connection.end();
    });
  }

  test("a body of 10 MB on the GET is ignored; the connection closes, since the answer didn't wait for it", async () => {
    const connection = await connectRaw(server.publicUrl);
    const body = Buffer.alloc(10_000_000, "x");
    connection.write(requestHead("GET", REFRESH, [...authorization(), ["Content-Length", String(body.length)]]));
    connection.write(body);
    const answer = await connection.answer();
    assertGrant(answer);
    assert.equal(answer.header("connection"), "close");
    assert.equal(await connection.closed(), "");
  });

  test("an expectation is met or ignored, and the answer doesn't wait for the body", async () => {
    for (const expectation of ["100-continue", "the-unexpected"]) {
      const connection = await connectRaw(server.publicUrl);
      connection.write(
        requestHead("GET", REFRESH, [...authorization(), ["Content-Length", "2"], ["Expect", expectation]]),
      );
      if (expectation === "100-continue") assert.equal((await connection.answer()).status, 100);
      const answer = await connection.answer();
      assertGrant(answer);
      assert.equal(answer.header("connection"), "close");
      assert.equal(await connection.closed(), "");
    }
  });

  test("an offer to upgrade the protocol is ignored", async () => {
    for (const protocol of ["websocket", "h2c", "TLS/1.3"]) {
      const headers: Headers = [...authorization(), ["Connection", "Upgrade"], ["Upgrade", protocol]];
      assertGrant(await get(REFRESH, headers));
    }
  });

  test("a connection stays open after a refusal of any kind", async () => {
    const connection = await connectRaw(server.publicUrl);
    for (const [target, headers, status] of [
      [REFRESH, [], 401],
      [REFRESH, authorization({ username: users.keyOff }), 403],
      [`${REFRESH}?ttl=1`, authorization(), 400],
      ["/api/nothing", [], 404],
      [`${REFRESH}?${"a".repeat(9000)}`, [], 414],
      [CHECK, [], 401],
      [REFRESH, authorization(), 200],
    ] as const) {
      connection.write(requestHead("GET", target, headers));
      assert.equal((await connection.answer()).status, status);
    }
    connection.end();
  });

  test("pipelined requests are answered in order", async () => {
    const connection = await connectRaw(server.publicUrl);
    connection.write(
      [
        requestHead("GET", `${REFRESH}?ttl=700`, authorization()),
        requestHead("GET", REFRESH),
        requestHead("GET", `${REFRESH}?ttl=800`, authorization()),
        requestHead("GET", "/livez"),
        requestHead("GET", `${REFRESH}?ttl=900`, authorization({ privateKey: strangerPair.privateKey })),
        requestHead("GET", `${REFRESH}?ttl=1000`, authorization()),
      ].join(""),
    );
    assert.equal(assertGrant(await connection.answer()).expiresIn, 700);
    assertRefusal(await connection.answer(), 401, "authorization_missing");
    assert.equal(assertGrant(await connection.answer()).expiresIn, 800);
    assert.equal((await connection.answer()).body, '{"status":"ok"}');
    assertRefusal(await connection.answer(), 401, "assertion_rejected");
    assert.equal(assertGrant(await connection.answer()).expiresIn, 1000);
    connection.end();
  });

  test("bytes after a valid request that aren't HTTP never affect that request's answer", async () => {
    for (let round = 0; round < 10; round++) {
      const connection = await connectRaw(server.publicUrl);
      connection.write(`${requestHead("GET", REFRESH, authorization())}NOT HTTP\r\n\r\n`);
      const received = await connection.closed();
      assert.doesNotMatch(received.split("\r\n")[0] ?? "", /400/);
      connection.end();
    }
  });

  test("a request sent byte by byte is the same request", async () => {
    const connection = await connectRaw(server.publicUrl);
    const bytes = Buffer.from(requestHead("GET", REFRESH, [["Authorization", "JWT x.y.z"]]));
    for (const byte of bytes) connection.write(Buffer.from([byte]));
    assertRefusal(await connection.answer(), 401, "assertion_malformed");
    connection.end();
  });

  test("HTTP/1.0, with and without Host, gets the same answer and a closed connection", async () => {
    const [[name, value] = ["", ""]] = authorization();
    for (const host of ["", "Host: a\r\n"]) {
      const connection = await connectRaw(server.publicUrl);
      connection.write(`GET ${REFRESH} HTTP/1.0\r\n${host}${name}: ${value}\r\n\r\n`);
      assertGrant(await connection.answer());
      assert.equal(await connection.closed(), "");
    }
  });

  test("a target in absolute form counts as its path, whatever host it names", async () => {
    for (const origin of ["http://countersign.test", "https://other.test:1", "HTTP://[::1]:9"]) {
      assert.equal(assertGrant(await get(`${origin}${REFRESH}?ttl=700`, authorization())).expiresIn, 700);
      assertRefusal(await get(`${origin}/api/none`), 404, "not_found");
    }
    assertRefusal(await get("http://countersign.test"), 404, "not_found");
    assertRefusal(await get("ftp://countersign.test/livez"), 404, "not_found");
  });

  test("/metrics is served only under addresses and configured names, so that no page reads it by DNS rebinding", async () => {
    const ask = (target: string, host: string) =>
      sendRaw(server.adminUrl, requestHead("GET", target, [["Host", host]]));
    for (const host of ["localhost:1", "127.0.0.1", "[::1]:8081", "192.0.2.1:8081"]) {
      assert.equal((await ask("/metrics", host)).status, 200, host);
    }
    for (const target of ["/metrics", "/%6detrics", "/metrics?x"]) {
      assertRefusal(await ask(target, "rebound.example"), 421, "host_refused");
    }
    // Health probes may use any name, and show no figures.
    assert.equal((await ask("/livez", "rebound.example")).status, 200);
  });

  test("every answer carries a request id of its own, never the client's", async () => {
    const ids = new Set<string>();
    const answers: RawAnswer[] = [];
    for (const target of [REFRESH, CHECK, "/livez", "/readyz", "/openapi.json", "/docs/errors", "/none", "/%zz"]) {
      for (const headers of [[], [["X-Request-Id", "mine"]], authorization()] as Headers[]) {
        answers.push(await get(target, headers));
      }
    }
    answers.push(await sendRaw(server.publicUrl, "garbage\r\n\r\n"));
    answers.push(await sendRaw(server.publicUrl, requestHead("OPTIONS", REFRESH)));
    answers.push(await sendRaw(server.adminUrl, requestHead("GET", "/metrics", LOCAL)));
    for (const answer of answers) ids.add(answer.header("x-request-id") ?? "");
    assert.equal(ids.size, answers.length);
    assert.ok(!ids.has("mine") && !ids.has(""));
  });
});

describe("paths that don't exist", { concurrency: true }, () => {
  for (const target of [
    "/",
    "/api",
    "/api/",
    "/api/auth/v0/",
    "/api/auth/v1/refresh/",
    "/api/auth/v0/refresh/x",
    "/api/auth/v0/refresh//",
    "/api/auth/v0//refresh/",
    "//api/auth/v0/refresh/",
    "/API/auth/v0/refresh/",
    "/api/auth/v0/refreshx",
    "/api/auth/v0/checkx",
    "/api/auth/v0/refresh;x=y",
    "/api/auth/v0/refresh/;x=y",
    "/api/auth/v0/..;/v0/refresh/",
    "/api/auth/v0/x/../refresh/",
    "/api/auth/v0/./refresh/",
    "/api/auth/v0/%2e/refresh/",
    "/api/auth/v0/refresh/%2e%2e/",
    "/api/auth/v0/%72efresh/",
    "/api/auth/v0%2frefresh/",
    "/api/auth/v0%5crefresh/",
    "/api/auth/v0/refresh%00/",
    "/api/auth/v0/refresh%20",
    "/api/auth/v0/refresh%3fttl=600",
    "/api/auth/v0/refresh#x",
    "/livez/",
    "/LIVEZ",
    "/metrics",
    "/metrics/",
    "/%6detrics",
    "/.git/config",
    "/docs/errors/..%2f..%2f..%2fetc%2fpasswd",
    "/docs/../metrics",
    "/__proto__",
    "/constructor",
    `/${"a/".repeat(2000)}`,
  ]) {
    test(`${target.slice(0, 60)} is 404 in the envelope`, async () => {
      assertRefusal(await get(target, authorization()), 404, "not_found");
    });
  }

  test("invalid percent escapes are refused in the envelope, as the client's error", async () => {
    for (const target of ["/api/%", "/api/%zz", "/%c0%af", "/api/%ff", "/%e2%82", "/livez%"]) {
      assertRefusal(await get(target), 400, "bad_request");
    }
  });

  test("* isn't a path", async () => {
    for (const method of ["GET", "OPTIONS"]) {
      assertRefusal(await sendRaw(server.publicUrl, requestHead(method, "*")), 404, "not_found");
    }
  });

  for (const [name, headers, body] of [
    ["no body", [], ""],
    ["JSON", [["Content-Type", "application/json"]], "{}"],
    ["invalid JSON", [["Content-Type", "application/json"]], "{"],
    ["an empty body, declared as JSON", [["Content-Type", "application/json"]], ""],
    ["a form", [["Content-Type", "application/x-www-form-urlencoded"]], "a=b"],
    ["an unknown content type", [["Content-Type", "application/xml"]], "<a/>"],
  ] as [string, Headers, string][]) {
    test(`a write with ${name} to an unknown path is 404, to a known one 405`, async () => {
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        const send = (target: string) =>
          sendRaw(
            server.publicUrl,
            requestHead(method, target, [...headers, ["Content-Length", String(body.length)]]) + body,
          );
        assertRefusal(await send("/api/nothing"), 404, "not_found");
        const known = await send("/livez");
        assertRefusal(known, 405, "method_not_allowed");
        assert.equal(known.header("allow"), "GET, HEAD, OPTIONS");
      }
    });
  }

  test("the internal listener answers in the envelope too, and has no exchange", async () => {
    for (const target of ["/api/admin/v1/none", "/none", REFRESH, CHECK]) {
      assertRefusal(await sendRaw(server.adminUrl, requestHead("GET", target, authorization())), 404, "not_found");
    }
  });
});

describe("malformed HTTP", { concurrency: true }, () => {
  const complete = `GET ${REFRESH} HTTP/1.1\r\nHost: a\r\n`;
  for (const [name, bytes] of [
    ["a method that isn't a token", requestHead("F(TCH", REFRESH)],
    ["a method of 41 characters", requestHead("F".repeat(41), REFRESH)],
    ["no Host", `GET ${REFRESH} HTTP/1.1\r\n\r\n`],
    ["two Hosts", `${complete}Host: b\r\n\r\n`],
    ["a version that doesn't exist", `GET ${REFRESH} HTTP/1.7\r\nHost: a\r\n\r\n`],
    ["HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["TLS", Buffer.from("16030100a5010000a10303", "hex")],
    ["zeros", "\0\0\0\0\r\n\r\n"],
    ["a target that isn't a path", requestHead("GET", "api")],
    ["a space in the target", requestHead("GET", "/api/ x")],
    [
      "a letter outside ASCII in the target",
      Buffer.concat([Buffer.from("GET /"), Buffer.from([0xff]), Buffer.from(" HTTP/1.1\r\nHost: a\r\n\r\n")]),
    ],
    ["a line that isn't a header", `${complete}hello\r\n\r\n`],
    ["a space before a colon", `${complete}Authorization : JWT x\r\n\r\n`],
    ["a folded header", `${complete}Authorization: JWT\r\n x\r\n\r\n`],
    ["a NUL in a header", `${complete}Authorization: JWT \0\r\n\r\n`],
    ["a bare line feed", `GET ${REFRESH} HTTP/1.1\nHost: a\n\n`],
    ["a bare carriage return", `${complete}X: a\rb: c\r\n\r\n`],
    ["a length and chunks", `${complete}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["chunks and a length", `${complete}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ["two lengths", `${complete}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ["a length that isn't a number", `${complete}Content-Length: -1\r\n\r\n`],
  ] as [string, string | Buffer][]) {
    test(`${name}: 400 in the envelope, on both listeners`, async () => {
      for (const url of [server.publicUrl, server.adminUrl]) {
        assertRefusal(await sendRaw(url, bytes), 400, "bad_request");
      }
    });
  }

  for (const [name, headers, body] of [
    ["a transfer encoding that isn't chunked", [["Transfer-Encoding", "gzip"]], "abc"],
    ["chunked that isn't last", [["Transfer-Encoding", "chunked, gzip"]], "abc"],
    ["chunks without a length", [["Transfer-Encoding", "chunked"]], "zz\r\n"],
    ["endless chunk extensions", [["Transfer-Encoding", "chunked"]], `1;${"a".repeat(20_000)}`],
  ] as [string, Headers, string][]) {
    test(`a body without a known end (${name}) gets one answer, and nothing after it gets another`, async () => {
      for (const url of [server.publicUrl, server.adminUrl]) {
        for (const target of [REFRESH, "/livez"]) {
          const connection = await connectRaw(url);
          connection.write(requestHead("GET", target, headers) + body + requestHead("GET", "/livez").repeat(3));
          const received = await connection.closed();
          assert.ok(received.split("HTTP/1.1 ").length <= 2, received);
        }
      }
    });
  }

  test("headers beyond 16 KiB are 431, in one header or in many", async () => {
    for (const headers of [
      [["X-Large", "a".repeat(17_000)]],
      Array.from({ length: 300 }, (_, at) => [`X-${at}`, "a".repeat(60)] as const),
      [["Authorization", `JWT ${"a".repeat(100_000)}`]],
    ] as Headers[]) {
      assertRefusal(await get(REFRESH, headers), 431, "headers_too_large");
    }
  });

  test("the largest assertion that is allowed fits the headers", async () => {
    const filler = (length: number) => authorization({ claims: { filler: "x".repeat(length) } });
    let length = 5500;
    let headers = filler(length);
    while ((headers[0]?.[1].length ?? 0) < "JWT ".length + 8190) headers = filler(++length);
    assertGrant(await get(REFRESH, headers));
  });

  test("a path and query beyond 8192 characters are 414, and 8192 are accepted", async () => {
    const target = (length: number) => `${REFRESH}?${"a".repeat(length - REFRESH.length - 1)}`;
    assertRefusal(await get(target(8193), authorization()), 414, "uri_too_long");
    assertRefusal(await get(`/${"a".repeat(8192)}`), 414, "uri_too_long");
    assertGrant(await get(target(8192), authorization()));
  });
});

describe("the limit of refusals", () => {
  const at = (localAddress: string, headers: Headers) =>
    sendRaw(limited.publicUrl, requestHead("GET", REFRESH, headers), { localAddress });
  let keyUser = "";

  before(async () => {
    const user = await limited.json<{ username: string }>("user", "create", "demo", "--account", "acme");
    keyUser = user.username;
    await addKey(limited, keyUser);
  });

  const accepted = () => authorization({ username: keyUser });

  test("after 5 refusals all of a client's requests are 429, with the time to wait; accepted ones don't count", async () => {
    for (let round = 0; round < 20; round++) assertGrant(await at("127.0.0.2", accepted()));
    for (let round = 0; round < 5; round++) {
      assert.equal((await at("127.0.0.2", [])).status, 401);
      if (round < 4) assertGrant(await at("127.0.0.2", accepted()));
    }
    for (const headers of [[], accepted()]) {
      const answer = await at("127.0.0.2", headers);
      assertRefusal(answer, 429, "rate_limited", { docsAt: limited.publicUrl });
      const seconds = Number(answer.header("retry-after"));
      assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`);
      assert.equal(answer.header("ratelimit-policy"), '"refusals";q=5;w=60');
      assert.equal(answer.header("ratelimit"), `"refusals";r=0;t=${seconds}`);
    }
  });

  test("one client's refusals don't touch another's requests", async () => {
    assertGrant(await at("127.0.0.3", accepted()));
  });

  test("a limited client's tokens can still be checked at the gateway, which never answers 429", async () => {
    const { token } = assertGrant(await at("127.0.0.3", accepted()));
    const checked = await sendRaw(limited.publicUrl, requestHead("GET", CHECK, [["Authorization", `Token ${token}`]]), {
      localAddress: "127.0.0.2",
    });
    assert.equal(checked.status, 200);
  });

  test("refused tokens at the check count towards the limit of the exchange", async () => {
    for (let round = 0; round < 5; round++) {
      const bytes = requestHead("GET", CHECK, [["Authorization", "Token 1.x.y"]]);
      const answer = await sendRaw(limited.publicUrl, bytes, { localAddress: "127.0.0.4" });
      assert.equal(answer.status, 401);
    }
    assert.equal((await at("127.0.0.4", accepted())).status, 429);
  });

  test("X-Forwarded-For from an untrusted peer neither exempts a client from the limit nor affects another", async () => {
    for (let round = 0; round < 5; round++) {
      assert.equal((await at("127.0.0.5", [["X-Forwarded-For", `198.51.100.${round}`]])).status, 401);
    }
    assert.equal((await at("127.0.0.5", [["X-Forwarded-For", "198.51.100.99"]])).status, 429);
    assert.equal((await at("127.0.0.1", [["X-Forwarded-For", "198.51.100.0"]])).status, 401);
  });

  test("behind a trusted proxy each forwarded address is a client of its own", async () => {
    const from = (address: string) => at("127.0.0.1", [["X-Forwarded-For", address]]);
    for (let round = 0; round < 5; round++) assert.equal((await from("203.0.113.1")).status, 401);
    assert.equal((await from("203.0.113.1")).status, 429);
    assert.equal((await from("203.0.113.2")).status, 401);
    // The client may have written everything left of its own address.
    assert.equal((await from("203.0.113.9, 203.0.113.1")).status, 429);
    assert.equal((await from("203.0.113.1, 203.0.113.3")).status, 401);
  });

  test("an IPv6 client is its /64 network, however it is spelt", async () => {
    const from = (address: string) => at("127.0.0.1", [["X-Forwarded-For", address]]);
    for (const address of ["2001:db8::1", "2001:DB8::2", "2001:db8:0:0:ffff::3", "2001:0db8::4", "2001:db8:0::5"]) {
      assert.equal((await from(address)).status, 401, address);
    }
    assert.equal((await from("2001:db8::6")).status, 429);
    assert.equal((await from("2001:db8:0:1::1")).status, 401);
  });

  test("a client whose address a trusted proxy withholds doesn't block other clients, in whatever form the proxy does so", async () => {
    const from = (text: string) => at("127.0.0.1", [["X-Forwarded-For", text]]);
    const texts = ["unknown", "_hidden", "x".repeat(3000), "203.0.113.300"];
    for (const text of texts) {
      for (let round = 0; round < 5; round++) assert.equal((await from(text)).status, 401, text);
      assert.equal((await from(text)).status, 429, text);
    }
    assert.equal((await from("_other")).status, 401);
    assert.equal((await from("203.0.113.40")).status, 401);
    assert.equal((await at("127.0.0.1", [])).status, 401, "the proxy itself isn't one of them");
    assert.ok(!limited.stderr().includes("_hidden"), "a client's text isn't logged as its address");
  });

  test("behind a trusted proxy, an address is the same client with any port, in brackets, quotes and IPv6 form", async () => {
    const from = (name: string, value: string) => at("127.0.0.1", [[name, value]]);
    for (const hop of ["203.0.113.50", "203.0.113.50:5678", "::ffff:203.0.113.50", "[::ffff:cb00:7132]:443"]) {
      assert.equal((await from("X-Forwarded-For", hop)).status, 401, hop);
    }
    assert.equal((await from("Forwarded", 'for=127.0.0.1, For="203.0.113.50:1";proto=https')).status, 401);
    assert.equal((await from("X-Forwarded-For", '"203.0.113.50:2"')).status, 429);
    assert.equal((await from("Forwarded", "for=203.0.113.50")).status, 429);
    const both = [
      ["X-Forwarded-For", "203.0.113.50"],
      ["Forwarded", "for=203.0.113.51"],
    ] as const;
    assert.equal((await at("127.0.0.1", both)).status, 429, "a client's own Forwarded header doesn't exempt it");
  });

  test("0 means no limit", async () => {
    for (let round = 0; round < 700; round += 50) {
      const connection = await connectRaw(server.publicUrl);
      connection.write(requestHead("GET", REFRESH).repeat(50));
      for (let at = 0; at < 50; at++) assert.equal((await connection.answer()).status, 401);
      connection.end();
    }
  });
});

describe("the check for gateways", { concurrency: true }, () => {
  const check = (value: string | undefined, options: { target?: string; method?: string; headers?: Headers } = {}) => {
    const { target = CHECK, method = "GET", headers = [] } = options;
    const all: Headers = value === undefined ? headers : [["Authorization", value], ...headers];
    return sendRaw(server.publicUrl, requestHead(method, target, all), { withoutBody: method === "HEAD" });
  };

  test("a good token gets 200, an empty body, and the caller in the headers", async () => {
    const token = await freshToken();
    const answer = await check(`Token ${token}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "");
    const caller = answer.headers.filter(([name]) => name.startsWith("X-Auth-"));
    assert.deepEqual(
      caller.map(([name]) => name),
      ["X-Auth-Username", "X-Auth-User-Id", "X-Auth-Account", "X-Auth-Access", "X-Auth-Key-Id", "X-Auth-Expires-At"],
    );
    assert.equal(answer.header("x-auth-username"), users.active);
    assert.match(answer.header("x-auth-user-id") ?? "", /^[1-9][0-9]*$/);
    assert.equal(answer.header("x-auth-account"), "acme");
    assert.equal(answer.header("x-auth-access"), "full");
    assert.equal(answer.header("x-auth-key-id"), String(activeKey.id));
    assert.match(answer.header("x-auth-expires-at") ?? "", /^[0-9]{10}$/);
    assert.equal(answer.header("cache-control"), "no-store");
    assert.match(answer.header("x-request-id") ?? "", /./);
  });

  test("the schemes Token and Bearer are accepted in any case, and JWT isn't", async () => {
    const token = await freshToken();
    for (const scheme of ["Token", "token", "TOKEN", "Bearer", "bearer", "BEARER", "Token  "]) {
      assert.equal((await check(`${scheme} ${token}`)).status, 200, scheme);
    }
    for (const value of [`JWT ${token}`, token, `Basic ${token}`, `Token${token}`]) {
      assertRefusal(await check(value), 401, "authorization_scheme", { challenge: "Token" });
    }
  });

  test("any method and any suffix give the same answer", async () => {
    const token = await freshToken();
    const known = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY"];
    // Node's parser doesn't know these methods, or knows them as RTSP's.
    const unknown = ["LIST", "BAN", "VIEW", "FOO", "PLAY", "get", "X-COMPANY_1"];
    for (const method of [...known, ...unknown]) {
      assert.equal((await check(`Token ${token}`, { method })).status, 200, method);
      assert.equal((await check("Token x", { method })).status, 401, method);
    }
    for (const suffix of [
      "",
      "orders/5",
      "a?b=c",
      "../../etc",
      "%2e%2e/",
      "..;/",
      "%zz",
      "%00",
      "/",
      "x".repeat(4000),
      "*",
    ]) {
      const target = CHECK + suffix;
      assert.equal((await check(`Token ${token}`, { target })).status, 200, suffix);
      assertRefusal(await check(undefined, { target }), 401, "authorization_missing", { challenge: "Token" });
    }
    for (const target of [CHECK.slice(0, -1), `${CHECK.slice(0, -1)}?x=y`]) {
      assert.equal((await check(`Token ${token}`, { target })).status, 200);
    }
  });

  test("an unknown method is answered like any other at other paths, too, and closes the connection", async () => {
    const { publicUrl } = server;
    for (const [target, status] of [
      [REFRESH, 405],
      ["/oauth2/introspect", 405],
      ["/oauth2/token", 405],
      ["/livez", 405],
      ["/api/none", 404],
    ] as const) {
      const answer = await sendRaw(publicUrl, requestHead("LIST", target, [["Content-Length", "3"]]));
      assert.equal(answer.status, status, target);
      assert.match(answer.body, /"code":"(method_not_allowed|not_found)"|invalid_request/);
      assert.equal(answer.header("connection"), "close");
    }
    for (const method of ["LIST", "get"]) {
      assert.equal((await sendRaw(server.adminUrl, requestHead(method, "/api/admin/v1/users"))).status, 405);
    }
  });

  test("no token, an altered one, a foreign one or an assertion: 401 without a reason", async () => {
    const token = await freshToken();
    const [number = "", payload = "", mac = ""] = token.split(".");
    const altered = (text: string, at: number) =>
      text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
    const bodies = new Set<string>();
    for (const wrong of [
      "",
      "x",
      "1.x.y",
      `${number}.${payload}`,
      `${number}.${payload}.`,
      `2.${payload}.${mac}`,
      `01.${payload}.${mac}`,
      `+1.${payload}.${mac}`,
      `${number}.${altered(payload, 4)}.${mac}`,
      `${number}.${altered(payload, payload.length - 1)}.${mac}`,
      `${number}.${payload}.${altered(mac, 0)}`,
      `${number}.${payload}.${altered(mac, 42)}`,
      `${number}.${payload}=.${mac}`,
      `${number}.${payload}.${mac}=`,
      `${number}.${payload}.${mac}A`,
      `${token}.`,
      `${token},${token}`,
      assertion(),
      "9".repeat(8000),
    ]) {
      const answer = await check(`Token ${wrong}`);
      assertRefusal(answer, 401, "token_inactive", { challenge: "Token" });
      bodies.add(answer.body);
    }
    assert.equal(bodies.size, 1);
  });

  test("a token is valid until its expiry, exclusive", async () => {
    const userId = Number((await check(`Token ${await freshToken()}`)).header("x-auth-user-id"));
    const soon = Math.ceil(nowSeconds()) + 1;
    const storeId = readStoreId(server.dataDir);
    const made = (expiresAt: number) => mintToken(masterSecret, storeId, { userId, keyId: activeKey.id, expiresAt });
    assert.equal((await check(`Token ${made(soon + 600)}`)).status, 200, "the test mints like the server");
    const past = await check(`Token ${made(Math.floor(nowSeconds()))}`);
    assertRefusal(past, 401, "token_inactive", { challenge: "Token" });
    const token = made(soon);
    await eventually("the token expires", async () => {
      const askedAt = nowSeconds();
      const { status } = await check(`Token ${token}`);
      const answeredAt = nowSeconds();
      if (answeredAt < soon) assert.equal(status, 200);
      if (askedAt >= soon) assert.equal(status, 401);
      return askedAt >= soon;
    });
  });

  test("a token with a user id that doesn't own the key is inactive, even under a correct MAC", async () => {
    const expiresAt = Math.ceil(nowSeconds()) + 600;
    const storeId = readStoreId(server.dataDir);
    for (const claims of [
      { userId: 4_000_000_000, keyId: activeKey.id, expiresAt },
      { userId: 1, keyId: 4_000_000_000, expiresAt },
      { userId: 0, keyId: 0, expiresAt },
    ]) {
      const token = mintToken(masterSecret, storeId, claims);
      assertRefusal(await check(`Token ${token}`), 401, "token_inactive", { challenge: "Token" });
    }
  });

  test("two Authorization headers are refused", async () => {
    const token = await freshToken();
    const twice = await check(`Token ${token}`, { headers: [["Authorization", `Token ${token}`]] });
    assert.equal(twice.status, 401);
  });

  test("a token in the query or a cookie is ignored", async () => {
    const token = await freshToken();
    const answer = await check(undefined, {
      target: `${CHECK}?token=${token}&access_token=${token}`,
      headers: [["Cookie", `token=${token}`]],
    });
    assertRefusal(answer, 401, "authorization_missing", { challenge: "Token" });
  });

  test("X-Auth headers of the request aren't returned", async () => {
    const token = await freshToken();
    const answer = await check(`Token ${token}`, {
      headers: [
        ["X-Auth-Username", "admin"],
        ["X-Auth-Access", "owner"],
      ],
    });
    assert.deepEqual(answer.values("x-auth-username"), [users.active]);
    assert.deepEqual(answer.values("x-auth-access"), ["full"]);
  });

  test("without a trusted proxy, a read-only user is accepted only if nothing marks the request as a write", async () => {
    const token = await freshToken(users.reader);
    for (const method of ["GET", "OPTIONS", "HEAD"]) {
      const answer = await check(`Token ${token}`, { method });
      assert.equal(answer.status, 200, method);
      assert.equal(answer.header("x-auth-access"), "read_only");
    }
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "QUERY", "LIST", "BAN", "FOO", "PLAY", "get"]) {
      assertRefusal(await check(`Token ${token}`, { method }), 403, "access_read_only");
      const forged = await check(`Token ${token}`, { method, headers: [["X-Forwarded-Method", "GET"]] });
      assertRefusal(forged, 403, "access_read_only");
    }
    for (const name of ["X-Forwarded-Method", "X-Original-Method", "X-HTTP-Method-Override"]) {
      for (const claim of ["DELETE", "", "get", "GET, GET"]) {
        assertRefusal(await check(`Token ${token}`, { headers: [[name, claim]] }), 403, "access_read_only");
      }
    }
  });
});

describe("the original method, behind a trusted proxy", () => {
  let reader = "";
  let full = "";
  before(async () => {
    for (const [name, flags] of [
      ["reads", ["--read-only"]],
      ["writes", []],
    ] as const) {
      const user = await limited.json<{ username: string }>("user", "create", name, "--account", "acme", ...flags);
      await addKey(limited, user.username);
      const bytes = requestHead("GET", REFRESH, authorization({ username: user.username }));
      const { token } = assertGrant(await sendRaw(limited.publicUrl, bytes, { localAddress: "127.0.0.9" }));
      if (name === "reads") reader = token;
      else full = token;
    }
  });

  const ask = (token: string, headers: Headers, localAddress = "127.0.0.1") =>
    sendRaw(limited.publicUrl, requestHead("GET", CHECK, [["Authorization", `Token ${token}`], ...headers]), {
      localAddress,
    });

  test("a read-only user is refused for a write and for any method that isn't known to be a read", async () => {
    for (const name of ["X-Forwarded-Method", "X-Original-Method"]) {
      for (const method of ["POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "get", "GET, POST", "x"]) {
        const answer = await ask(reader, [[name, method]]);
        assertRefusal(answer, 403, "access_read_only", { docsAt: limited.publicUrl });
      }
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        assert.equal((await ask(reader, [[name, method]])).status, 200);
      }
    }
    assert.equal((await ask(reader, [])).status, 200);
  });

  test("a client's forged header doesn't override what the gateway says in the other", async () => {
    for (const headers of [
      [
        ["X-Forwarded-Method", "POST"],
        ["X-Original-Method", "GET"],
      ],
      [
        ["X-Forwarded-Method", "GET"],
        ["X-Original-Method", "POST"],
      ],
      [
        ["X-Forwarded-Method", "GET"],
        ["X-Forwarded-Method", "POST"],
      ],
    ] as Headers[]) {
      assert.equal((await ask(reader, headers)).status, 403);
    }
  });

  test("a full user may write", async () => {
    assert.equal((await ask(full, [["X-Forwarded-Method", "DELETE"]])).status, 200);
  });

  test("an untrusted peer can only restrict access, whatever it claims", async () => {
    const claiming = (method: string): Headers => [
      ["X-Forwarded-Method", method],
      ["X-Forwarded-For", "127.0.0.1"],
    ];
    assert.equal((await ask(reader, claiming("DELETE"), "127.0.0.8")).status, 403);
    assert.equal((await ask(reader, claiming("GET"), "127.0.0.8")).status, 200);
    const asked = requestHead("DELETE", CHECK, [["Authorization", `Token ${reader}`], ...claiming("GET")]);
    assert.equal((await sendRaw(limited.publicUrl, asked, { localAddress: "127.0.0.8" })).status, 403);
    // From a trusted proxy, the same is a read.
    assert.equal((await sendRaw(limited.publicUrl, asked)).status, 200);
  });
});

describe("documents, health and metrics", () => {
  test("/livez and /readyz answer on both listeners", async () => {
    for (const url of [server.publicUrl, server.adminUrl]) {
      assert.equal((await sendRaw(url, requestHead("GET", "/livez"))).body, '{"status":"ok"}');
      const ready = await sendRaw(url, requestHead("GET", "/readyz"));
      assert.equal(ready.body, '{"status":"ready"}');
      assert.equal(ready.status, 200);
      assert.equal(ready.header("cache-control"), "no-store");
      assert.equal((await sendRaw(url, requestHead("HEAD", "/readyz"), { withoutBody: true })).status, 200);
    }
  });

  test("/openapi.json is valid OpenAPI 3.1 on both listeners, and its paths exist", async () => {
    for (const url of [server.publicUrl, server.adminUrl]) {
      const answer = await sendRaw(url, requestHead("GET", "/openapi.json"));
      assert.equal(answer.status, 200);
      assert.match(answer.header("content-type") ?? "", /^application\/json/);
      const document = JSON.parse(answer.body);
      const result = await new Validator().validate(structuredClone(document));
      assert.ok(result.valid, JSON.stringify(result.errors));
      assert.match(document.openapi, /^3\.1\./);
      assert.equal(document.servers[0].url, url);
      for (const [path, operations] of Object.entries<Record<string, { readonly security?: readonly object[] }>>(
        document.paths,
      )) {
        for (const [method, { security }] of Object.entries(operations)) {
          const { status } = await sendRaw(url, requestHead(method.toUpperCase(), path, LOCAL), { withoutBody: true });
          // A form endpoint without its form is 400, a nonce needs no body; a missing path would be 404 or 405. The admin API authenticates
          // first, and for changes it checks the page's origin before that; single sign-on isn't configured here. A program that signs in
          // has no credentials and no origin yet, so its body is examined.
          const isAdmin = path.startsWith("/api/admin/");
          const expected = isAdmin
            ? method === "get"
              ? [200, 302, 401]
              : [401, 403, ...(security?.length === 0 ? [422] : [])]
            : method === "post"
              ? [POST_STATUSES[path] ?? 400]
              : [200, 401];
          assert.ok(expected.includes(status), `${method} ${path}: ${status}`);
        }
      }
    }
    const paths = Object.keys(
      await (await fetch(`${server.publicUrl}/openapi.json`)).json().then((all) => (all as { paths: object }).paths),
    );
    assert.deepEqual(
      paths.toSorted(),
      [
        "/.well-known/oauth-authorization-server",
        "/api/auth/v0/changes/",
        CHECK,
        KEY_CHALLENGES_PATH,
        KEYS_PATH,
        REVOKE_KEY_PATH,
        "/docs/errors",
        "/livez",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/token",
        "/openapi.json",
        "/readyz",
        REFRESH,
      ].toSorted(),
    );
  });

  test("the exchange's answers are as its document describes them", async () => {
    const document = JSON.parse((await get("/openapi.json")).body);
    const { responses } = document.paths[REFRESH].get;
    const granted = JSON.parse((await get(REFRESH, authorization())).body);
    const { properties } = responses["200"].content["application/json"].schema;
    assert.deepEqual(Object.keys(properties), Object.keys(granted));
    const { Token } = document.components.schemas;
    assert.equal(properties.data.$ref, "#/components/schemas/Token");
    assert.deepEqual(Object.keys(Token.properties), Object.keys(granted.data));
    for (const status of [400, 401, 403, 429, 500, 503]) assert.ok(responses[status], String(status));
  });

  test("/docs/errors explains every code under its own anchor, and has no script", async () => {
    const answer = await get("/docs/errors");
    assert.equal(answer.status, 200);
    assert.equal(answer.header("content-type"), "text/html; charset=utf-8");
    for (const code of REFUSAL_CODES) assert.ok(answer.body.includes(`id="${code}"`), code);
    assert.match(
      answer.header("content-security-policy") ?? "",
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; frame-ancestors 'none'$/,
    );
    assert.doesNotMatch(answer.body, /<script|javascript:| on[a-z]+=|<link|<img|<iframe|style="/i);
    assert.doesNotMatch(answer.body, /https?:/, "nothing is loaded from elsewhere");
  });

  test("/metrics is on the internal listener only, and no label contains a user, a key or a client's text", async () => {
    await freshToken();
    await get(`/api/a-path-of-the-client`, authorization());
    assertRefusal(await get("/metrics"), 404, "not_found");
    const answer = await sendRaw(server.adminUrl, requestHead("GET", "/metrics", LOCAL));
    assert.equal(answer.status, 200);
    assert.match(answer.header("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    for (const name of [
      "countersign_tokens_issued_total",
      "countersign_tokens_active_total",
      "countersign_tokens_inactive_total",
      "countersign_refusals_total",
      "countersign_request_duration_seconds_bucket",
      "countersign_view_users",
      "countersign_view_fresh",
    ]) {
      assert.match(answer.body, new RegExp(`^${name}`, "m"));
    }
    const own = answer.body.split("\n").filter((line) => line.startsWith("countersign_"));
    const labels = new Set(own.flatMap((line) => [...line.matchAll(/([a-z_]+)="/g)].map((match) => match[1])));
    const ofEvents = ["route", "code", "reason", "le", "outcome"];
    const ofTheService = ["state", "weakness", "job_name", "version", "store"];
    assert.deepEqual(
      [...labels].filter((label) => ![...ofEvents, ...ofTheService].includes(label ?? "")),
      [],
    );
    const values = new Set(
      own.flatMap((line) => [...line.matchAll(/(?:route|code)="([^"]*)"/g)].map((match) => match[1])),
    );
    const ROUTES = [
      "exchange",
      "check",
      "introspection",
      "oauth_token",
      "revocation",
      "changes",
      "key_challenges",
      "revoke_key",
      "rotate_key",
      "other",
    ];
    const known = new Set<string | undefined>([...REFUSAL_CODES, ...ROUTES]);
    assert.deepEqual(
      [...values].filter((value) => !known.has(value)),
      [],
    );
    for (const secret of [...Object.values(users), "a-path-of-the-client", activeKey.thumbprint]) {
      assert.ok(!answer.body.includes(secret), secret);
    }
  });
});
