/**
 * Third-party clients: the usual JWT libraries used in their natural way, and quirks of existing clients, over real
 * HTTP against one running server.
 *
 * Where PyJWT is missing, its tests are skipped, and fail where `CI` is set.
 */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { calculateJwkThumbprint, exportJWK, importPKCS8, SignJWT } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { connectRaw, type RawAnswer, sendRaw } from "../../packages/server/src/testing/raw-http.ts";
import { findMissing, IS_CI, type Requirement } from "../testkit/requirements.ts";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import { runProgram } from "../testkit/run-program.ts";
import { createApiUser, startServer, type TestApiUser, type TestServer } from "../testkit/server.ts";

const REFRESH_PATH = "/api/auth/v0/refresh/";
const CHECK_PATH = "/api/auth/v0/check/";
const ALGORITHMS = ["RS256", "RS384", "RS512"] as const;

const PYTHON = "/usr/bin/python3";
const PYJWT: Requirement = {
  name: "PyJWT with cryptography",
  debianPackages: "python3-jwt python3-cryptography",
  probes: [[PYTHON, "-c", "import cryptography, jwt"]],
};

let server: TestServer;
let user: TestApiUser;
let privatePem: string;
let privateKey: KeyObject;

before(async () => {
  server = await startServer();
  user = await createApiUser(server);
  privatePem = readFileSync(user.privateKeyFile, "utf8");
  privateKey = createPrivateKey(privatePem);
});

after(() => server.stop());

describe("jose", () => {
  test("SignJWT with setIssuedAt gets a token, with every algorithm", async () => {
    for (const alg of ALGORITHMS) {
      const assertion = await new SignJWT({ username: user.username })
        .setProtectedHeader({ alg })
        .setIssuedAt()
        .sign(await importPKCS8(privatePem, alg));
      await assertGetsToken(assertion);
    }
  });

  test("audience, expiry and the key's thumbprint as kid are accepted too", async () => {
    const kid = await calculateJwkThumbprint(await exportJWK(createPublicKey(privateKey)));
    const assertion = await new SignJWT({ username: user.username })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid })
      .setIssuedAt()
      .setNotBefore("0s")
      .setExpirationTime("1m")
      .setAudience(`${server.publicUrl}${REFRESH_PATH}`)
      .sign(privateKey);
    await assertGetsToken(assertion);
  });
});

describe("jsonwebtoken", () => {
  test("sign gets a token, with every algorithm: it adds iat itself", async () => {
    for (const algorithm of ALGORITHMS) {
      await assertGetsToken(jsonwebtoken.sign({ username: user.username }, privatePem, { algorithm }));
    }
  });

  test("audience, expiry and a kid of the client's own are accepted too", async () => {
    const assertion = jsonwebtoken.sign({ username: user.username }, privatePem, {
      algorithm: "RS256",
      audience: server.publicUrl,
      expiresIn: "1m",
      notBefore: 0,
      keyid: "laptop-2024",
    });
    await assertGetsToken(assertion);
  });

  test("a shared secret (HS256) is refused by name", async () => {
    const assertion = jsonwebtoken.sign({ username: user.username }, "a secret that both sides would know");
    const answer = await refresh([["Authorization", `JWT ${assertion}`]]);
    assert.equal(answer.status, 401);
    const [item] = errorsOf(answer);
    assert.equal(item?.code, "assertion_algorithm");
    assert.match(item.hint, /Sign with your RSA private key and RS256/);
  });
});

const missing = await findMissing(PYJWT);
describe("PyJWT", { skip: missing !== undefined && !IS_CI && missing }, () => {
  test("encode gets a token, with every algorithm and with iat as a fraction (time.time())", async () => {
    assert.equal(missing, undefined);
    const program = `
import sys, time, jwt
key = open(sys.argv[2]).read()
for algorithm in sys.argv[3:]:
    print(jwt.encode({"username": sys.argv[1], "iat": time.time()}, key, algorithm=algorithm))`;
    const { stdout, stderr } = await runProgram(PYTHON, [
      "-c",
      program,
      user.username,
      user.privateKeyFile,
      ...ALGORITHMS,
    ]);
    assert.equal(stderr, "");
    const assertions = stdout.trim().split("\n");
    assert.equal(assertions.length, ALGORITHMS.length);
    assert.ok(assertions.some((assertion) => !Number.isInteger(jsonwebtoken.decode(assertion, { json: true })?.iat)));
    for (const assertion of assertions) await assertGetsToken(assertion);
  });

  test("iat as a datetime, which it turns into whole seconds, gets a token", async () => {
    assert.equal(missing, undefined);
    const program = `
import datetime, sys, jwt
now = datetime.datetime.now(tz=datetime.timezone.utc)
print(jwt.encode({"username": sys.argv[1], "iat": now}, open(sys.argv[2]).read(), algorithm="RS256"))`;
    const { stdout, stderr } = await runProgram(PYTHON, ["-c", program, user.username, user.privateKeyFile]);
    assert.equal(stderr, "");
    await assertGetsToken(stdout.trim());
  });
});

test("a token printed as PyJWT 1's bytes literal gets a 401 whose hint names the cause", async () => {
  for (const literal of [`b'${sign()}'`, `b"${sign()}"`]) {
    const answer = await refresh([["Authorization", `JWT ${literal}`]]);
    assert.equal(answer.status, 401);
    assert.equal(answer.header("www-authenticate"), 'JWT realm="countersign", error="assertion_malformed"');
    const [item] = errorsOf(answer);
    assert.equal(item?.code, "assertion_malformed");
    assert.match(item.hint, /Python bytes literal.*\.decode\("ascii"\)/);
  }
});

describe("quirks that get a token", () => {
  const jwt = () => ["Authorization", `JWT ${sign()}`] as const;

  for (const [name, headers] of [
    ["Content-Type: application/json on the GET", [["Content-Type", "application/json"]]],
    ["an invalid Content-Type", [["Content-Type", "what/ever; ;="]]],
    ["Accept: text/html", [["Accept", "text/html"]]],
    ["an empty body", [["Content-Length", "0"]]],
    [
      "an empty body with a Content-Type",
      [
        ["Content-Type", "application/json"],
        ["Content-Length", "0"],
      ],
    ],
    [
      "cookies and headers of the client's own",
      [
        ["Cookie", "a=b"],
        ["X-Requested-With", "XMLHttpRequest"],
      ],
    ],
  ] as const) {
    test(name, async () => {
      await assertGranted(await refresh([jwt(), ...headers]));
    });
  }

  for (const scheme of ["jwt ", "Jwt ", "JWT  ", "jwt     "]) {
    test(`the scheme as ${JSON.stringify(scheme)}`, async () => {
      await assertGranted(await refresh([["Authorization", scheme + sign()]]));
    });
  }

  test("the header's name in lower and upper case, and spaces around its value", async () => {
    for (const line of [
      `authorization: JWT ${sign()}`,
      `AUTHORIZATION:JWT ${sign()}`,
      `Authorization: \t JWT ${sign()}  `,
    ]) {
      await assertGranted(
        await sendRaw(server.publicUrl, `GET ${REFRESH_PATH} HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n`),
      );
    }
  });

  test("the path without the slash at its end, with unknown parameters, and both: no redirect", async () => {
    for (const target of [
      REFRESH_PATH.slice(0, -1),
      `${REFRESH_PATH}?a=b&_=1`,
      `${REFRESH_PATH.slice(0, -1)}?ttl=3600&a`,
      `${REFRESH_PATH}?`,
    ]) {
      await assertGranted(await refresh([jwt()], { target }));
    }
  });

  test("a body is ignored, and the connection serves the next request", async () => {
    const connection = await connectRaw(server.publicUrl);
    for (const body of ["{}", "not JSON", "x".repeat(100_000)]) {
      connection.write(
        head([jwt(), ["Content-Type", "application/json"], ["Content-Length", String(body.length)]]) + body,
      );
      await assertGranted(await connection.answer());
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      connection.write(head([jwt(), ["Transfer-Encoding", "chunked"]]) + chunks);
      await assertGranted(await connection.answer());
    }
    connection.end();
  });

  test("HTTP/1.0 without a Host: an answer, and the connection closes", async () => {
    const connection = await connectRaw(server.publicUrl);
    connection.write(`GET ${REFRESH_PATH} HTTP/1.0\r\nAuthorization: JWT ${sign()}\r\n\r\n`);
    const answer = await connection.answer();
    await assertGranted(answer);
    assert.equal(answer.header("connection"), "close");
    assert.equal(answer.header("transfer-encoding"), undefined);
    assert.equal(await connection.closed(), "");
  });

  test("one connection serves many exchanges, refusals among them, and each token is different", async () => {
    const connection = await connectRaw(server.publicUrl);
    const assertion = sign();
    const tokens = new Set<string>();
    for (let count = 0; count < 5; count++) {
      connection.write(head([["Authorization", `JWT ${assertion}`]]));
      tokens.add(await assertGranted(await connection.answer()));
      connection.write(head([["Authorization", "JWT nonsense"]]));
      assert.equal((await connection.answer()).status, 401);
    }
    assert.equal(tokens.size, 5);
    connection.end();
  });

  test("pipelined requests are answered in order", async () => {
    const connection = await connectRaw(server.publicUrl);
    connection.write(head([jwt()]) + head([["Authorization", "JWT nonsense"]]) + head([jwt()]));
    const first = await connection.answer();
    assert.equal((await connection.answer()).status, 401);
    await assertGranted(first);
    await assertGranted(await connection.answer());
    connection.end();
  });
});

test("an unknown user, a user without keys and a wrong key get the same bytes, except the request's id", async () => {
  const { username: keyless } = await server.json<{ username: string }>(
    "user",
    "create",
    "keyless",
    "--account",
    "acme",
  );
  const { privateKey: otherKey } = makeKeyPair();
  const attempts = {
    "wrong key": jsonwebtoken.sign({ username: user.username }, otherKey, { algorithm: "RS256" }),
    "unknown user, any key": jsonwebtoken.sign({ username: "api-1-nobody" }, otherKey, { algorithm: "RS256" }),
    "unknown user, another user's key": jsonwebtoken.sign({ username: "api-1-nobody" }, privateKey, {
      algorithm: "RS256",
    }),
    "user without keys": jsonwebtoken.sign({ username: keyless }, otherKey, { algorithm: "RS256" }),
  };
  const ids = new Set<string>();
  const seen = new Map<string, string>();
  for (const [name, assertion] of Object.entries(attempts)) {
    const answer = await refresh([["Authorization", `JWT ${assertion}`]]);
    assert.equal(answer.status, 401, name);
    assert.equal(errorsOf(answer)[0]?.code, "assertion_rejected", name);
    const id = answer.header("x-request-id") ?? "";
    assert.match(id, /^[\w-]{8,}$/);
    ids.add(id);
    // Only the date differs as well, between answers a second apart, and independently of the user.
    const date = /^Date: .* GMT\r$/m;
    assert.match(answer.head, date);
    seen.set(name, (answer.head + answer.body).replaceAll(id, "<id>").replace(date, "Date: <date>\r"));
  }
  assert.equal(ids.size, seen.size);
  const [reference] = seen.values();
  for (const [name, bytes] of seen) assert.equal(bytes, reference, name);
});

/** An assertion that is valid now. */
function sign(): string {
  return jsonwebtoken.sign({ username: user.username }, privateKey, { algorithm: "RS256" });
}

type Headers = readonly (readonly [name: string, value: string])[];

function head(headers: Headers, target = REFRESH_PATH): string {
  const lines = [["Host", new URL(server.publicUrl).host] as const, ...headers].map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `GET ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function refresh(headers: Headers, { target }: { readonly target?: string } = {}): Promise<RawAnswer> {
  return sendRaw(server.publicUrl, head(headers, target));
}

/** Sends a request with the runtime's own HTTP client, as most clients do. */
async function assertGetsToken(assertion: string): Promise<void> {
  const answer = await fetch(`${server.publicUrl}${REFRESH_PATH}?ttl=3600`, {
    headers: { authorization: `JWT ${assertion}`, "content-type": "application/json" },
    redirect: "error",
  });
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  await assertTokenWorks(body);
}

/** @returns the token */
async function assertGranted(answer: RawAnswer): Promise<string> {
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.header("content-type"), "application/json; charset=utf-8");
  assert.equal(answer.header("cache-control"), "no-store");
  return await assertTokenWorks(answer.body);
}

async function assertTokenWorks(body: string): Promise<string> {
  const envelope = JSON.parse(body) as { meta: { code: number }; data: { token: string; expires_in: number } };
  assert.equal(envelope.meta.code, 200);
  assert.equal(envelope.data.expires_in, 3600);
  const { token } = envelope.data;
  const checked = await fetch(`${server.publicUrl}${CHECK_PATH}`, { headers: { authorization: `Token ${token}` } });
  assert.equal(checked.status, 200);
  assert.equal(checked.headers.get("x-auth-username"), user.username);
  return token;
}

function errorsOf(answer: RawAnswer): { code: string; message: string; hint: string }[] {
  const envelope = JSON.parse(answer.body) as { meta: { errors: { code: string; message: string; hint: string }[] } };
  return envelope.meta.errors;
}
