/**
 * The gateways of examples/gateways/, each run by its real program in front of a recording API, with a real server.
 *
 * The published files are what runs: see test/testkit/gateway.ts. Where a program is missing, its tests are skipped,
 * and fail where `CI` is set. Traefik and Envoy aren't in Debian; only the form of their files is checked here.
 */
import assert from "node:assert/strict";
import { createHash, createPrivateKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { connectClient } from "../testkit/api-client.ts";
import { eventually } from "../testkit/eventually.ts";
import {
  API_ANSWER,
  type GatewayProgram,
  GATEWAYS,
  GATEWAYS_FOLDER,
  type ReachedRequest,
  type RecordingApi,
  type RunningGateway,
  startGateway,
  startRecordingApi,
  startStub,
  withUncommented,
} from "../testkit/gateway.ts";
import { mintToken, readStoreId } from "../testkit/mint-token.ts";
import { connectRaw, type RawAnswer, requestHead, sendRaw } from "../../packages/server/src/testing/raw-http.ts";
import { findMissing, IS_CI, type Requirement } from "../testkit/requirements.ts";
import { runProgram } from "../testkit/run-program.ts";
import { createApiUser, createKey, startServer, type TestApiUser, type TestServer } from "../testkit/server.ts";

type Headers = readonly (readonly [name: string, value: string])[];

/** The headers that name the caller to the API. */
const CALLER_HEADERS = [
  "X-Auth-Username",
  "X-Auth-User-Id",
  "X-Auth-Account",
  "X-Auth-Access",
  "X-Auth-Key-Id",
  "X-Auth-Expires-At",
] as const;

const TEN_MEGABYTES = 10_000_000;

const missing = await Promise.all(GATEWAYS.map(findMissing));

describe("gateways", { concurrency: true }, () => {
  for (const [at, program] of GATEWAYS.entries()) describeGateway(program, missing[at]);
});

function describeGateway(program: GatewayProgram, reason: string | undefined): void {
  if (reason !== undefined && IS_CI) {
    test(program.name, () => assert.fail(reason));
    return;
  }

  describe(program.name, { concurrency: 1, skip: reason ?? false }, () => {
    const masterSecret = randomBytes(32);
    let server: TestServer;
    let api: RecordingApi;
    let gateway: RunningGateway;
    let user: TestApiUser;
    let reader: TestApiUser;
    let token: string;
    let readersToken: string;
    /** The check's answer about `token`. */
    let caller: Headers;

    /** Reserved, so that no other program gets the gateway's requests while Countersign is stopped. */
    let port: number;

    const serve = (options: { dataDir?: string } = {}) =>
      startServer({
        ...options,
        flags: ["--trusted-proxies", "127.0.0.1", "--refusal-limit", "0", "--port", String(port)],
        env: { COUNTERSIGN_MASTER_SECRET: masterSecret.toString("base64") },
      });

    before(async () => {
      port = await reservePort();
      [server, api] = await Promise.all([serve(), startRecordingApi()]);
      gateway = await startGateway(program, { countersignUrl: server.publicUrl, apiUrl: api.url });
      user = await createApiUser(server);
      reader = await createApiUser(server, { account: "readers", name: "reader", flags: ["--read-only"] });
      token = await exchange(user);
      readersToken = await exchange(reader);
      const checked = await sendRaw(
        server.publicUrl,
        requestHead("GET", "/api/auth/v0/check/", [["Authorization", `Token ${token}`]]),
      );
      caller = CALLER_HEADERS.map((name) => [name, checked.header(name) ?? assert.fail(name)]);
    });

    afterEach(() => api.takeReached());

    after(async () => {
      await Promise.all([gateway?.stop(), server?.stop(), api?.stop()]);
    });

    async function exchange(of: { username: string; privateKeyFile: string }): Promise<string> {
      const key = createPrivateKey(readFileSync(of.privateKeyFile));
      const client = await connectClient(server.publicUrl, of.username, key);
      try {
        // The server learns of a key that the command line adds a moment later.
        return await eventually("the server knows the key", async () => {
          const { status, body } = await client.exchange();
          return status === 200 ? (JSON.parse(body) as { data: { token: string } }).data.token : undefined;
        });
      } finally {
        client.connection.end();
      }
    }

    /** Sends a request through the gateway on a connection of its own. */
    function ask(
      credential: string | undefined,
      options: { method?: string; target?: string; headers?: Headers; body?: Buffer } = {},
    ): Promise<RawAnswer> {
      const { method = "GET", target = "/orders/5?page=2", headers = [], body } = options;
      const head = requestHead(method, target, [
        ...(credential === undefined ? [] : [["Authorization", credential] as const]),
        ...headers,
        ...(body === undefined ? [] : [["Content-Length", String(body.length)] as const]),
      ]);
      return sendRaw(gateway.url, Buffer.concat([Buffer.from(head, "latin1"), body ?? Buffer.alloc(0)]), {
        withoutBody: method === "HEAD",
      });
    }

    /** The only request that reached the API. */
    function takeOne(): ReachedRequest {
      const reached = api.takeReached();
      assert.equal(reached.length, 1);
      return reached[0] ?? assert.fail();
    }

    /**
     * Asserts that the API got each of the caller's headers once, and nothing else that it could read as one of them.
     */
    function assertCaller(request: ReachedRequest, expected: Headers = caller): void {
      const lines = (headers: Headers) => headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`).toSorted();
      const confusable = request.headers.filter(([name]) =>
        CALLER_HEADERS.some((own) => asCgiName(own) === asCgiName(name)),
      );
      assert.deepEqual(lines(confusable), lines(expected));
      // A further proxy would drop the headers named here.
      for (const value of request.values("Connection")) assert.doesNotMatch(value, /auth/i);
    }

    function assertPassed(answer: RawAnswer): void {
      assert.equal(answer.status, 200);
      assert.equal(answer.body, API_ANSWER);
    }

    /** Asserts a refusal with its challenge, and that nothing of the request reached the API. */
    function assertRefused(answer: RawAnswer, status: 401 | 403, code: string): void {
      assert.equal(answer.status, status);
      assert.doesNotMatch(answer.body, new RegExp(API_ANSWER));
      if (status === 401) {
        assert.equal(answer.header("www-authenticate"), `Token realm="countersign", error="${code}"`);
      }
      // nginx has a page of its own for a refusal; the others pass on Countersign's answer.
      if (program.name !== "nginx") assert.match(answer.body, new RegExp(`"code":"${code}"`));
      assert.deepEqual(api.takeReached(), []);
    }

    /** Sends a request to a gateway that asks a stand-in for Countersign. */
    async function withStandIn(
      listener: (request: IncomingMessage, response: ServerResponse) => void,
      work: (url: string, connections: () => number) => Promise<void>,
    ): Promise<void> {
      const standIn = await startStub(listener);
      const other = await startGateway(program, { countersignUrl: standIn.url, apiUrl: api.url });
      try {
        await work(other.url, () => standIn.connections());
      } finally {
        await Promise.all([other.stop(), standIn.stop()]);
      }
    }

    test("a live token reaches the API, with the caller's name in the headers and without the token", async () => {
      for (const scheme of ["Token", "Bearer", "token", "BEARER"]) {
        assertPassed(await ask(`${scheme} ${token}`));
        const request = takeOne();
        assert.equal(request.method, "GET");
        assert.equal(request.target, "/orders/5?page=2");
        assertCaller(request);
        assert.deepEqual(request.values("X-Auth-Username"), [user.username]);
        assert.deepEqual(request.values("Authorization"), []);
        assert.ok(!JSON.stringify(request.headers).includes(token));
        assert.deepEqual(request.values("Host"), ["countersign.test"]);
        assert.deepEqual(request.values("X-Forwarded-For"), ["127.0.0.1"]);
      }
    });

    describe("a client's own headers", { concurrency: 1 }, () => {
      const forged: Headers = CALLER_HEADERS.flatMap((name) =>
        spellings(name).map((spelling) => [spelling, "forged"] as const),
      );

      test("don't reach the API under the caller's names, however they are spelt", async () => {
        assertPassed(await ask(`Token ${token}`, { headers: forged }));
        assertCaller(takeOne());
        // One at a time: a gateway may stop at the first one.
        for (const header of forged) {
          assertPassed(await ask(`Token ${token}`, { headers: [header] }));
          assertCaller(takeOne());
        }
        // Also before the credential.
        assertPassed(await ask(undefined, { headers: [...forged, ["Authorization", `Token ${token}`]] }));
        assertCaller(takeOne());
      });

      test("don't reach it over HTTP/2 either", async () => {
        const other = await startGateway(program, {
          countersignUrl: server.publicUrl,
          apiUrl: api.url,
          edit: program.withHttp2,
        });
        try {
          const names = [...new Set(forged.map(([name]) => name.toLowerCase()))];
          const headers = Object.fromEntries(names.map((name) => [name, ["forged", "forged too"]]));
          assert.equal(await askOverHttp2(other.url, { ...headers, authorization: `Token ${token}` }), 200);
          assertCaller(takeOne());
          assert.equal(await askOverHttp2(other.url, headers), 401);
          assert.equal(
            await askOverHttp2(other.url, { ":method": "POST", authorization: `Token ${readersToken}` }),
            403,
          );
          assert.deepEqual(api.takeReached(), []);
        } finally {
          await other.stop();
        }
      });

      test("don't replace those of a yes that names no caller", async () => {
        await withStandIn(
          (_request, response) => {
            response.end();
          },
          async (url) => {
            const answer = await sendRaw(url, requestHead("GET", "/", [["Authorization", "Token x"], ...forged]));
            assert.equal(answer.status, 503);
            assert.deepEqual(api.takeReached(), []);
          },
        );
      });

      test("can't take the caller's name away by naming it in Connection", async () => {
        const lines = [
          ...CALLER_HEADERS,
          ...CALLER_HEADERS.map((name) => name.toLowerCase()),
          ...CALLER_HEADERS.map((name) => `close, ${name}`),
          CALLER_HEADERS.join(","),
          `keep-alive ,, ${CALLER_HEADERS[3]} ;`,
          "X-Forwarded-Method, X-Original-Method, X-Forwarded-For, Host",
          "Authorization",
        ];
        for (const line of lines) {
          for (const headers of [
            [["Connection", line]],
            [
              ["Connection", "keep-alive"],
              ["Connection", line],
            ],
          ] as const) {
            const answer = await ask(`Token ${token}`, { headers });
            const reached = api.takeReached();
            if (answer.status === 200) {
              assert.equal(reached.length, 1, line);
              for (const request of reached) assertCaller(request);
            } else {
              assert.ok(answer.status === 400 || answer.status === 401, `${line}: ${answer.status}`);
              assert.deepEqual(reached, []);
            }
          }
          const answer = await ask(`Token ${readersToken}`, { method: "DELETE", headers: [["Connection", line]] });
          assert.ok([400, 401, 403].includes(answer.status), `${line}: ${answer.status}`);
          assert.deepEqual(api.takeReached(), []);
        }
      });

      test("can't turn a read-only user's write into a read", async () => {
        for (const name of ["X-Forwarded-Method", "X-Original-Method", "x_forwarded_method", "X.Original.Method"]) {
          const answer = await ask(`Token ${readersToken}`, { method: "DELETE", headers: [[name, "GET"]] });
          assertRefused(answer, 403, "access_read_only");
          const both = await ask(`Token ${readersToken}`, {
            method: "DELETE",
            headers: [
              [name, "GET"],
              [name, "GET"],
            ],
          });
          assertRefused(both, 403, "access_read_only");
        }
      });

      test("can't turn a read into a write, nor change the caller", async () => {
        const answer = await ask(`Token ${readersToken}`, {
          headers: [
            ["X-Original-Method", "DELETE"],
            ["X-Forwarded-Method", "DELETE"],
            ["X-Forwarded-For", "192.0.2.1"],
          ],
        });
        assertPassed(answer);
        assert.deepEqual(takeOne().values("X-Forwarded-For"), ["127.0.0.1"]);
      });

      test("under similar names don't reach the API", async () => {
        // This gateway can't remove headers by a pattern; the overview says so.
        if (program.name === "nginx") return;
        for (const name of ["X-Auth-Role", "x_auth_role", "X.Auth.Role", "X-Auth_Role"]) {
          assertPassed(await ask(`Token ${token}`, { headers: [[name, "admin"]] }));
          assert.ok(!JSON.stringify(takeOne().headers).includes("admin"), name);
        }
      });

      test("in a chunked body's trailer stay there or are dropped", async () => {
        const trailers = forged.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const head = requestHead("POST", "/", [
          ["Authorization", `Token ${token}`],
          ["Transfer-Encoding", "chunked"],
          ["Trailer", CALLER_HEADERS.join(", ")],
        ]);
        assertPassed(await sendRaw(gateway.url, `${head}4\r\nbody\r\n0\r\n${trailers}\r\n`));
        assertCaller(takeOne());
      });
    });

    describe("a bad token", { concurrency: 1 }, () => {
      test("that is missing or of another scheme gets a 401 with the challenge", async () => {
        assertRefused(await ask(undefined), 401, "authorization_missing");
        assertRefused(await ask(`JWT ${token}`), 401, "authorization_scheme");
        assertRefused(await ask(token), 401, "authorization_scheme");
        assertRefused(await ask(undefined, { method: "HEAD" }).then(withoutBody), 401, "authorization_missing");
      });

      test("outside the Authorization header gets a 401", async () => {
        const answer = await ask(undefined, {
          target: `/?token=${token}&access_token=${token}`,
          headers: [
            ["Cookie", `token=${token}`],
            ["X-Auth-Token", token],
            ["Proxy-Authorization", `Token ${token}`],
            ["X-Original-Authorization", `Token ${token}`],
          ],
        });
        assertRefused(answer, 401, "authorization_missing");
      });

      test("that is altered, of another server or expired gets a 401 with the challenge", async () => {
        const [number = "", payload = "", mac = ""] = token.split(".");
        const last = (text: string) => text.slice(0, -1) + (text.endsWith("A") ? "B" : "A");
        const claims = {
          userId: Number(valueOf(caller, "X-Auth-User-Id")),
          keyId: user.keyId,
          expiresAt: Math.floor(Date.now() / 1000) + 600,
        };
        const storeId = readStoreId(server.dataDir);
        assertPassed(await ask(`Token ${mintToken(masterSecret, storeId, claims)}`));
        api.takeReached();
        for (const wrong of [
          "x",
          `${number}.${last(payload)}.${mac}`,
          `${number}.${payload}.${last(mac)}`,
          `${token},${token}`,
          mintToken(randomBytes(32), storeId, claims),
          mintToken(masterSecret, storeId, { ...claims, expiresAt: Math.floor(Date.now() / 1000) }),
          mintToken(masterSecret, storeId, { ...claims, expiresAt: claims.expiresAt - 86_400 }),
        ]) {
          assertRefused(await ask(`Token ${wrong}`), 401, "token_inactive");
          assertRefused(await ask(`Bearer ${wrong}`), 401, "token_inactive");
        }
      });

      test("is refused if sent twice, or beside a valid one", async () => {
        for (const [first, second] of [
          [token, token],
          [token, "x"],
          ["x", token],
        ]) {
          const answer = await ask(`Token ${first}`, { headers: [["Authorization", `Token ${second}`]] });
          // nginx answers 400 itself.
          assert.ok(answer.status === 400 || answer.status === 401, String(answer.status));
          assert.deepEqual(api.takeReached(), []);
        }
      });

      test("of a deactivated key gets a 401 until the key is active again; of a revoked key, permanently", async () => {
        const key = await createKey(server, user.username);
        const keysToken = await exchange({ ...user, ...key });
        assertPassed(await ask(`Token ${keysToken}`));
        assert.deepEqual(takeOne().values("X-Auth-Key-Id"), [String(key.keyId)]);
        const becomes = (status: number) =>
          eventually(`the token gets ${status}`, async () => {
            const answer = await ask(`Token ${keysToken}`);
            return answer.status === status ? answer : undefined;
          });
        await server.json("key", "deactivate", String(key.keyId));
        await becomes(403);
        api.takeReached();
        assertRefused(await ask(`Token ${keysToken}`), 403, "key_deactivated");
        await server.json("key", "activate", String(key.keyId));
        await becomes(200);
        await server.json("key", "revoke", "--yes", String(key.keyId));
        await becomes(403);
        api.takeReached();
        assertRefused(await ask(`Token ${keysToken}`), 403, "key_deactivated");
      });

      test("is refused after a valid one on the same connection", async () => {
        const connection = await connectRaw(gateway.url);
        try {
          const good = requestHead("GET", "/good", [["Authorization", `Token ${token}`]]);
          connection.write(good + requestHead("GET", "/none") + good);
          assertPassed(await connection.answer());
          assert.equal((await connection.answer()).status, 401);
          assertPassed(await connection.answer());
          const reached = api.takeReached();
          assert.deepEqual(
            reached.map(({ target }) => target),
            ["/good", "/good"],
          );
        } finally {
          connection.end();
        }
      });

      test("no form of the request bypasses the check", async () => {
        const targets = [
          "/",
          "//",
          "/../",
          "/%2e%2e/%2F",
          "/countersign-check",
          "/countersign-check?x",
          "//countersign-check",
          "/api/auth/v0/check/",
          "/@undecided",
          "http://127.0.0.1/absolute",
          "http://countersign.test/absolute",
          "/a%00b",
          "/a;b",
          "/%ff",
          "/\xff",
          "*",
          "127.0.0.1:9000",
        ];
        for (const method of ["GET", "POST", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X-ODD", "get"]) {
          for (const target of targets) {
            for (const headers of [
              [],
              [["Host", "localhost"]],
              [["Expect", "100-continue"]],
              [
                ["Connection", "Upgrade"],
                ["Upgrade", "websocket"],
                ["Sec-WebSocket-Version", "13"],
                ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
              ],
              [
                ["Connection", "Upgrade, HTTP2-Settings"],
                ["Upgrade", "h2c"],
                ["HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"],
              ],
            ] as const) {
              const connection = await connectRaw(gateway.url);
              connection.write(
                Buffer.from(requestHead(method, target, [...headers, ["Connection", "close"]]), "latin1"),
              );
              const text = await connection.closed();
              connection.end();
              const final = text.replace(/^HTTP\/1\.1 100 Continue\r\n(.+\r\n)*\r\n/, "");
              // Go's HTTP server, which is Caddy's, answers `OPTIONS *` by itself.
              if (method !== "OPTIONS" || target !== "*")
                assert.match(final, /^HTTP\/1\.[01] [345]/, `${method} ${target}`);
              assert.deepEqual(api.takeReached(), [], `${method} ${target}`);
            }
          }
        }
        for (const bytes of ["GET / HTTP/1.0\r\n\r\n", "GET /\r\n", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"]) {
          const connection = await connectRaw(gateway.url);
          connection.write(bytes);
          await connection.closed();
          connection.end();
          assert.deepEqual(api.takeReached(), []);
        }
      });
    });

    test("a read-only user may read and not write", async () => {
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        const answer = await ask(`Token ${readersToken}`, { method });
        assert.equal(answer.status, 200, method);
        const request = takeOne();
        assert.equal(request.method, method);
        assert.deepEqual(request.values("X-Auth-Username"), [reader.username]);
        assert.deepEqual(request.values("X-Auth-Access"), ["read_only"]);
      }
      for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
        const answer = await ask(`Token ${readersToken}`, { method, body: Buffer.from("{}") });
        assertRefused(answer, 403, "access_read_only");
        assertPassed(await ask(`Token ${token}`, { method, body: Buffer.from("{}") }));
        const request = takeOne();
        assert.equal(request.method, method);
        assert.deepEqual(request.values("X-Auth-Access"), ["full"]);
      }
    });

    test("an upgrade request is checked like any other", async () => {
      const headers: Headers = [
        ["Connection", "Upgrade"],
        ["Upgrade", "websocket"],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
      ];
      assertPassed(await ask(`Token ${token}`, { headers }));
      assertCaller(takeOne());
      assertRefused(await ask("Token x", { headers }), 401, "token_inactive");
    });

    test("a path reaches the API unchanged", async () => {
      for (const target of ["/a%2Fb/%C3%BC?x=%20&y=a+b", "/a/?", "/x?a=//b/../c", `/${"long/".repeat(500)}`]) {
        assertPassed(await ask(`Token ${token}`, { target }));
        assert.equal(takeOne().target, target);
      }
    });

    test("a client can't reach the check through the gateway", async () => {
      for (const target of ["/countersign-check", "/api/auth/v0/check/"]) {
        const answer = await ask(`Token ${token}`, { target });
        // To the other gateways these are paths of the API.
        if (answer.status !== 404) assertPassed(answer);
        for (const name of CALLER_HEADERS) assert.deepEqual(answer.values(name), []);
      }
    });

    describe("a body of 10 MB", { concurrency: 1 }, () => {
      const body = randomBytes(TEN_MEGABYTES);
      const sha256 = createHash("sha256").update(body).digest("hex");

      test("reaches the API untouched", async () => {
        for (const method of ["POST", "PUT"]) {
          assertPassed(await ask(`Token ${token}`, { method, body }));
          const request = takeOne();
          assert.equal(request.method, method);
          assert.equal(request.bodyBytes, TEN_MEGABYTES);
          assert.equal(request.sha256, sha256);
          assertCaller(request);
        }
      });

      test("reaches it untouched in chunks, also after an Expect: 100-continue", async () => {
        const chunks: Buffer[] = [];
        for (let at = 0; at < body.length; at += 65_521) {
          const chunk = body.subarray(at, at + 65_521);
          chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
        }
        const encoded = Buffer.concat([...chunks, Buffer.from("0\r\n\r\n")]);
        for (const more of [[], [["Expect", "100-continue"]]] as const) {
          const connection = await connectRaw(gateway.url);
          connection.write(
            requestHead("POST", "/upload", [
              ["Authorization", `Token ${token}`],
              ["Transfer-Encoding", "chunked"],
              ...more,
            ]),
          );
          connection.write(encoded);
          let answer = await connection.answer();
          while (answer.status === 100) answer = await connection.answer();
          connection.end();
          assertPassed(answer);
          const request = takeOne();
          assert.equal(request.bodyBytes, TEN_MEGABYTES);
          assert.equal(request.sha256, sha256);
        }
      });

      test("doesn't reach the API if the request is refused", async () => {
        for (const [credential, status] of [
          [undefined, 401],
          ["Token x", 401],
          [`Token ${readersToken}`, 403],
        ] as const) {
          // While the body is still being sent, Caddy and HAProxy may close the connection so that the answer is lost.
          const answer = await ask(credential, { method: "POST", body }).catch((error: unknown) => {
            if (program.name === "nginx") throw error;
          });
          if (answer !== undefined) assert.equal(answer.status, status);
          // A client that sends Expect first always gets the answer.
          const connection = await connectRaw(gateway.url);
          connection.write(
            requestHead("POST", "/upload", [
              ...(credential === undefined ? [] : [["Authorization", credential] as const]),
              ["Content-Length", String(TEN_MEGABYTES)],
              ["Expect", "100-continue"],
            ]),
          );
          let first = await connection.answer();
          while (first.status === 100) first = await connection.answer();
          connection.end();
          assert.equal(first.status, status);
          assert.deepEqual(api.takeReached(), []);
        }
      });
    });

    test("a browser's preflight is refused, and reaches the API without a caller if that part of the file is uncommented", async () => {
      const preflight: Headers = [
        ["Origin", "https://app.example"],
        ["Access-Control-Request-Method", "DELETE"],
        ["Access-Control-Request-Headers", "authorization"],
      ];
      assertRefused(await ask(undefined, { method: "OPTIONS", headers: preflight }), 401, "authorization_missing");
      const browsers = await startGateway(program, {
        countersignUrl: server.publicUrl,
        apiUrl: api.url,
        edit: withUncommented,
      });
      const { url } = browsers;
      const send = (method: string, headers: Headers) => sendRaw(url, requestHead(method, "/orders/5?page=2", headers));
      const forged = CALLER_HEADERS.map((name) => [name, "forged"] as const);
      assertPassed(await send("OPTIONS", [...forged, ...preflight]));
      const request = takeOne();
      assert.equal(`${request.method} ${request.target}`, "OPTIONS /orders/5?page=2");
      assertCaller(request, []);
      assert.deepEqual(request.values("Origin"), ["https://app.example"]);
      assert.deepEqual(request.values("X-Forwarded-For"), ["127.0.0.1"]);

      // Everything else is checked.
      for (const method of ["GET", "HEAD", "POST", "DELETE"]) {
        const answer = await sendRaw(url, requestHead(method, "/", preflight), { withoutBody: method === "HEAD" });
        assertRefused(method === "HEAD" ? withoutBody(answer) : answer, 401, "authorization_missing");
      }
      for (const missingOne of [0, 1]) {
        const headers = preflight.filter((_header, at) => at !== missingOne);
        assertRefused(await send("OPTIONS", headers), 401, "authorization_missing");
      }
      const withToken = (value: string): Headers => [...preflight, ["Authorization", `Token ${value}`]];
      assertRefused(await send("OPTIONS", withToken("x")), 401, "token_inactive");
      assertPassed(await send("OPTIONS", withToken(readersToken)));
      assert.deepEqual(takeOne().values("X-Auth-Username"), [reader.username]);
      await browsers.stop();
    });

    test("the check gets the token, the method and the client's address, and neither body nor cookies", async () => {
      const seen: { method: string | undefined; url: string | undefined; headers: Headers; bytes: number }[] = [];
      await withStandIn(
        (request, response) => {
          const { method, url, rawHeaders } = request;
          const headers = rawHeaders.flatMap((name, at) =>
            at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? ""] as const] : [],
          );
          const one = { method, url, headers, bytes: 0 };
          seen.push(one);
          request.on("data", (chunk: Buffer) => (one.bytes += chunk.length));
          request.on("end", () =>
            response.writeHead(200, { "Content-Length": "0", "X-Auth-Username": "api-1-somebody" }).end(),
          );
        },
        async (url, connections) => {
          const connection = await connectRaw(url);
          const times = 50;
          for (let at = 0; at < times; at++) {
            connection.write(
              requestHead("DELETE", "/secret/path?secret=query", [
                ["Authorization", "Token the-token"],
                ["Cookie", "session=secret"],
                ["X-Forwarded-For", "192.0.2.7"],
                ["X-Forwarded-Method", "GET"],
                ["X-Original-Method", "GET"],
                ["Content-Type", "text/plain"],
                ["Content-Length", "4"],
              ]) + "body",
            );
            assertPassed(await connection.answer());
          }
          connection.end();
          const opened = connections();
          for (const { method, url: target, headers, bytes } of seen) {
            const values = (name: string) => headers.filter(([other]) => other === name).map(([, value]) => value);
            assert.equal(method, "GET");
            assert.equal(target, "/api/auth/v0/check/");
            assert.equal(bytes, 0);
            assert.deepEqual(values("authorization"), ["Token the-token"]);
            assert.deepEqual([...values("x-forwarded-method"), ...values("x-original-method")], ["DELETE"]);
            assert.deepEqual(values("x-forwarded-for"), ["127.0.0.1"]);
            for (const name of ["cookie", "content-length", "transfer-encoding"]) assert.deepEqual(values(name), []);
            assert.ok(!JSON.stringify(headers).includes("secret"), JSON.stringify(headers));
          }
          assert.equal(seen.length, times);
          // Caddy's file opens one for each check, since its pool may contain a connection to the API.
          if (program.name === "Caddy") assert.equal(opened, times);
          else assert.ok(opened <= 3, `${opened} connections for ${times} checks`);
        },
      );
    });

    test("an answer other than Countersign's yes never lets a request reach the API", async () => {
      let respond: (response: ServerResponse) => void = () => undefined;
      await withStandIn(
        (_request, response) => {
          respond(response);
        },
        async (url) => {
          const cases: Record<string, (response: ServerResponse) => void> = {
            ...Object.fromEntries(
              [301, 302, 304, 400, 404, 405, 407, 418, 429, 500, 502, 503, 504, 599].map((status) => [
                String(status),
                (response: ServerResponse) => {
                  response.writeHead(status, { Location: "/", "X-Auth-Username": "admin" }).end("no");
                },
              ]),
            ),
            "no HTTP": (response) => response.socket?.end("nonsense\r\n\r\n"),
            "a closed connection": (response) => response.socket?.destroy(),
            "a truncated head": (response) => response.socket?.end("HTTP/1.1 200 OK\r\nX-Auth-Userna"),
            "a truncated status": (response) => response.socket?.end("HTTP/1.1 20"),
            "a head that is too large": (response) => {
              response.writeHead(200, { "X-Auth-Username": "a".repeat(2_000_000) }).end();
            },
            "no answer in time": () => undefined,
          };
          for (const [name, answerSo] of Object.entries(cases)) {
            respond = answerSo;
            const connection = await connectRaw(url);
            connection.write(
              requestHead("GET", "/", [
                ["Authorization", "Token x"],
                ["Connection", "close"],
              ]),
            );
            const text = await connection.closed();
            connection.end();
            assert.match(text, /^HTTP\/1\.1 [345]/, name);
            assert.deepEqual(api.takeReached(), [], name);
          }
          // And it still sends checks.
          respond = (response) => {
            response.writeHead(200, { "Content-Length": "0", "X-Auth-Username": "api-1-somebody" }).end();
          };
          await eventually("a yes is accepted again", async () => {
            const answer = await sendRaw(url, requestHead("GET", "/", [["Authorization", "Token x"]]));
            return answer.status === 200;
          });
        },
      );
    });

    test("200 requests in sequence, and 50 at once, are all answered for their own callers", async () => {
      const connection = await connectRaw(gateway.url);
      for (let at = 0; at < 200; at++) {
        const isReader = at % 3 === 0;
        connection.write(requestHead("GET", `/${at}`, [["Authorization", `Token ${isReader ? readersToken : token}`]]));
        assertPassed(await connection.answer());
        assert.deepEqual(takeOne().values("X-Auth-Username"), [isReader ? reader.username : user.username]);
      }
      connection.end();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          at % 5 === 4 ? ask(undefined) : ask(`Token ${at % 2 === 0 ? token : readersToken}`, { target: `/${at}` }),
        ),
      );
      for (const [at, answer] of answers.entries()) assert.equal(answer.status, at % 5 === 4 ? 401 : 200);
      const reached = api.takeReached();
      assert.equal(reached.length, 40);
      for (const request of reached) {
        const expected = Number(request.target.slice(1)) % 2 === 0 ? user : reader;
        assert.deepEqual(request.values("X-Auth-Username"), [expected.username]);
      }
    });

    test("a hung Countersign gives a 5xx in time and never reaches the API; requests work again once it continues", async () => {
      process.kill(server.pid, "SIGSTOP");
      try {
        await assertFailsClosed();
      } finally {
        process.kill(server.pid, "SIGCONT");
      }
      await assertRecovers();
    });

    test("a stopped Countersign gives a 5xx in time and never reaches the API; requests work again once it is back", async () => {
      await server.stop();
      await assertFailsClosed();
      server = await serve({ dataDir: server.dataDir });
      await assertRecovers();
    });

    async function assertFailsClosed(): Promise<void> {
      await Promise.all(
        Array.from({ length: 5 }, async (_, at) => {
          // Countersign stays unavailable until the answer has arrived.
          const answer = await ask(at === 0 ? undefined : `Token ${token}`, at === 1 ? { method: "POST" } : {});
          assert.ok(answer.status >= 500, String(answer.status));
        }),
      );
      assert.deepEqual(api.takeReached(), []);
    }

    async function assertRecovers(): Promise<void> {
      await eventually("the gateway gets answers again", async () => (await ask(`Token ${token}`)).status === 200);
      api.takeReached();
      for (let at = 0; at < 10; at++) assertPassed(await ask(`Token ${token}`));
      for (const request of api.takeReached()) assertCaller(request);
      assertRefused(await ask("Token x"), 401, "token_inactive");
    }

    test("writes no token into its log", () => {
      assert.ok(!gateway.output().includes(token), gateway.output());
    });
  });
}

describe("the check, in whatever way a gateway calls it", () => {
  let server: TestServer;
  let token: string;

  before(async () => {
    server = await startServer();
    const user = await createApiUser(server);
    const key = createPrivateKey(readFileSync(user.privateKeyFile));
    const client = await connectClient(server.publicUrl, user.username, key);
    token = await client.token();
    client.connection.end();
  });

  after(() => server.stop());

  test("it answers before a body arrives, and the rest of the body is never treated as a request", async () => {
    const framings = [
      { headers: [["Content-Length", String(TEN_MEGABYTES)]], body: Buffer.alloc(TEN_MEGABYTES, "x") },
      { headers: [["Content-Length", "0"]], body: Buffer.alloc(0) },
      { headers: [["Transfer-Encoding", "chunked"]], body: Buffer.from("5\r\nGET /\r\n0\r\n\r\n") },
    ] as const;
    for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS"]) {
      for (const { headers, body } of framings) {
        for (const [credential, status] of [
          [`Token ${token}`, 200],
          ["Token x", 401],
        ] as const) {
          const connection = await connectRaw(server.publicUrl);
          connection.write(
            requestHead(method, "/api/auth/v0/check/a%2Fb?x=y", [["Authorization", credential], ...headers]),
          );
          const answer = await connection.answer();
          assert.equal(answer.status, status, method);
          const closes = body.length > 0;
          assert.equal(answer.header("connection"), closes ? "close" : "keep-alive");
          connection.write(body);
          connection.write(requestHead("GET", "/api/auth/v0/check/", [["Authorization", `Token ${token}`]]));
          if (closes) assert.equal(await connection.closed(), "");
          else assert.equal((await connection.answer()).status, 200, `after ${method}`);
          assert.equal(connection.received(), "");
          connection.end();
        }
      }
    }
  });

  test("an Expect: 100-continue or an Upgrade changes nothing", async () => {
    const wishes: Headers[] = [
      [
        ["Expect", "100-continue"],
        ["Content-Length", "4"],
      ],
      [
        ["Connection", "Upgrade"],
        ["Upgrade", "websocket"],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
      ],
    ];
    for (const headers of wishes) {
      const connection = await connectRaw(server.publicUrl);
      connection.write(requestHead("POST", "/api/auth/v0/check/", [["Authorization", `Token ${token}`], ...headers]));
      let answer = await connection.answer();
      while (answer.status === 100) answer = await connection.answer();
      connection.end();
      assert.equal(answer.status, 200);
    }
  });
});

const YAML = {
  name: "PyYAML",
  debianPackages: "python3-yaml",
  probes: [["/usr/bin/python3", "-c", "import yaml"]],
} as const satisfies Requirement;
const yamlMissing = await findMissing(YAML);

/** Checks of the files whose programs Debian doesn't package: they are YAML, and each protecting line is there. */
describe("gateways that aren't run here", { skip: IS_CI ? false : (yamlMissing ?? false) }, () => {
  test("Traefik: forwardAuth runs before the token is removed, and no client header is trusted", async () => {
    const { http } = await readYaml("traefik-dynamic.yaml");
    assert.deepEqual(http.routers.api.middlewares, ["countersign", "without-token"]);
    const { forwardAuth } = http.middlewares.countersign;
    assert.equal(forwardAuth.address, "http://127.0.0.1:8080/api/auth/v0/check/");
    assert.equal(forwardAuth.trustForwardHeader, false);
    assert.deepEqual(forwardAuth.authRequestHeaders, ["Authorization"]);
    assert.equal(http.middlewares["without-token"].headers.customRequestHeaders.Authorization, "");
    const [, pattern = assert.fail()] = /^\(\?i\)(.*)$/.exec(forwardAuth.authResponseHeadersRegex) ?? [];
    for (const name of CALLER_HEADERS) {
      for (const spelling of spellings(name)) assert.match(spelling, new RegExp(pattern, "i"));
    }
    const { entryPoints } = await readYaml("traefik.yaml");
    assert.deepEqual(entryPoints, { api: { address: "127.0.0.1:8000" } });
  });

  test("Envoy: the client's headers are removed first, then the check runs, which fails closed", async () => {
    const { static_resources: resources } = await readYaml("envoy.yaml");
    const manager = resources.listeners[0].filter_chains[0].filters[0].typed_config;
    assert.deepEqual(
      manager.http_filters.map(({ name }: { name: string }) => name),
      ["envoy.filters.http.header_mutation", "envoy.filters.http.ext_authz", "envoy.filters.http.router"],
    );
    const [mutation, check] = manager.http_filters.map((filter: { typed_config: unknown }) => filter.typed_config);
    const [removed, added] = mutation.mutations.request_mutations;
    const pattern = new RegExp(`^(?:${removed.remove_on_match.key_matcher.safe_regex.regex})$`);
    for (const name of CALLER_HEADERS) {
      for (const spelling of spellings(name)) assert.match(spelling.toLowerCase(), pattern);
    }
    assert.deepEqual(added.append, {
      header: { key: "x-forwarded-method", value: "%REQ(:METHOD)%" },
      append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
    });
    assert.equal(check.failure_mode_allow, false);
    assert.equal(check.http_service.path_prefix, "/api/auth/v0/check");
    assert.deepEqual(exactNames(check.allowed_headers), ["x-forwarded-method", "x-forwarded-for"]);
    assert.deepEqual(
      exactNames(check.http_service.authorization_response.allowed_upstream_headers),
      CALLER_HEADERS.map((name) => name.toLowerCase()),
    );
    assert.deepEqual(manager.route_config.virtual_hosts[0].request_headers_to_remove, ["authorization"]);
    assert.deepEqual(
      resources.clusters.map(({ name }: { name: string }) => name),
      ["countersign", "api"],
    );
  });

  test("both answer preflights themselves, before the check, once their comments are uncommented", async () => {
    const { http } = await readYaml("traefik-dynamic.yaml", withUncommented);
    assert.deepEqual(http.middlewares.cors.headers.accessControlAllowOriginList, ["https://app.example"]);
    assert.match(
      readFileSync(join(GATEWAYS_FOLDER, "traefik-dynamic.yaml"), "utf8"),
      /\[cors, countersign, without-token\]/,
    );
    const { static_resources: resources } = await readYaml("envoy.yaml", withUncommented);
    const manager = resources.listeners[0].filter_chains[0].filters[0].typed_config;
    const names = manager.http_filters.map(({ name }: { name: string }) => name);
    assert.ok(names.indexOf("envoy.filters.http.cors") < names.indexOf("envoy.filters.http.ext_authz"));
    const { typed_per_filter_config: policies } = manager.route_config.virtual_hosts[0];
    assert.deepEqual(Object.keys(policies), ["envoy.filters.http.cors"]);
  });

  function exactNames({ patterns }: { patterns: { exact: string }[] }): string[] {
    return patterns.map(({ exact }) => exact);
  }

  // The file's structure isn't typed: a missing level fails the test. oxlint-disable-next-line
  // typescript/no-explicit-any
  async function readYaml(file: string, edit = (text: string) => text): Promise<any> {
    const program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)";
    const text = edit(readFileSync(join(GATEWAYS_FOLDER, file), "utf8"));
    const { status, stdout, stderr } = await runProgram("/usr/bin/python3", ["-c", program, text]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }
});

test("every file is named in the overview", () => {
  const overview = readFileSync(join(GATEWAYS_FOLDER, "README.md"), "utf8");
  for (const file of readdirSync(GATEWAYS_FOLDER)) {
    if (file !== "README.md") assert.ok(overview.includes(`(${file})`), file);
  }
  for (const { debianPackages } of GATEWAYS) assert.ok(overview.includes(`\`${debianPackages}\``), debianPackages);
});

/** A header's name as CGI-like software sees it: all characters but letters and digits look the same. */
function asCgiName(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
}

/** Spellings of a header's name that software behind a gateway may read as that name. */
function spellings(name: string): string[] {
  return [
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll("-", "_"),
    name.replaceAll("-", "."),
    name.replace("-", "_"),
    name.replace("-", "."),
    name.replace(/-(?=[^-]*$)/, "_"),
    name.replace(/-(?=[^-]*$)/, "."),
    name.toLowerCase().replaceAll("-", "_"),
    // Twice.
    name,
  ];
}

function valueOf(headers: Headers, wanted: string): string {
  return headers.find(([name]) => name === wanted)?.[1] ?? assert.fail(wanted);
}

/** The refusal of a HEAD request: the same without the body. */
function withoutBody(answer: RawAnswer): RawAnswer {
  const code = /error="(\w+)"/.exec(answer.header("www-authenticate") ?? "")?.[1] ?? "";
  return { ...answer, body: `"code":"${code}"` };
}

async function askOverHttp2(url: string, headers: Record<string, string | string[]>): Promise<number> {
  const session = connectHttp2(url);
  try {
    const stream = session.request({ ":path": "/", ":method": "GET", ...headers });
    stream.resume();
    stream.end();
    const [answered] = (await once(stream, "response")) as [Record<string, unknown>];
    return Number(answered[":status"]);
  } finally {
    session.destroy();
  }
}
