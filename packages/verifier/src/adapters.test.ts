/**
 * Every adapter in its real framework, over real HTTP: the same guarantees for all of them, then what is particular to each.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { createAdaptorServer } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { cors } from "hono/cors";
import type { Auth } from "./caller.ts";
import type { Verifier } from "./create-verifier.ts";
import { expressMiddleware } from "./express.ts";
import { fastifyPlugin } from "./fastify.ts";
import { fetchHandler } from "./fetch.ts";
import { type AuthVariables, honoMiddleware } from "./hono.ts";
import { nodeHandler } from "./node.ts";
import { CLIENT_SECRET, exampleToken } from "./testing/fake-countersign.ts";
import { startSyncedVerifier } from "./testing/test-verifier.ts";

type Listener = (...both: Parameters<RequestListener>) => unknown;

/** Listens until the test ends, and returns the address. */
async function listen(t: TestContext, listener: Listener | Server): Promise<string> {
  const server = typeof listener === "function" ? createServer((...both) => void listener(...both)) : listener;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the handler behind each adapter does: tells who called, and counts. */
interface Calls {
  count: number;
}

type StartAdapter = (t: TestContext, verifier: Verifier, calls: Calls) => Promise<string>;

const ADAPTERS: Readonly<Record<string, StartAdapter>> = {
  Express(t, verifier, calls) {
    const app = express();
    app.use(expressMiddleware(verifier));
    app.use((req, res) => {
      calls.count++;
      const auth: Auth | undefined = req.auth;
      res.json(auth);
    });
    return listen(t, app);
  },
  async Fastify(t, verifier, calls) {
    const app = fastify();
    await app.register(fastifyPlugin(verifier));
    app.all("*", (request) => {
      calls.count++;
      const auth: Auth | null = request.auth;
      return auth;
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    t.after(() => app.close());
    return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  },
  Hono(t, verifier, calls) {
    const app = new Hono<{ Variables: AuthVariables }>();
    app.use("*", honoMiddleware(verifier));
    app.all("*", (c) => {
      calls.count++;
      const auth: Auth = c.get("auth");
      return c.json(auth);
    });
    return listen(t, createAdaptorServer({ fetch: app.fetch }) as Server);
  },
  "node:http"(t, verifier, calls) {
    return listen(
      t,
      nodeHandler(verifier, (request, response) => {
        calls.count++;
        const { auth }: { auth: Auth } = request;
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(auth));
      }),
    );
  },
  fetch(t, verifier, calls) {
    const handler = fetchHandler(verifier, (_request, auth: Auth) => {
      calls.count++;
      return Response.json(auth);
    });
    return listen(t, createAdaptorServer({ fetch: (request: Request) => handler(request) }) as Server);
  },
};

for (const [name, start] of Object.entries(ADAPTERS)) {
  describe(name, () => {
    async function startApi(t: TestContext) {
      const test = await startSyncedVerifier(t, { publicUrl: "https://auth.example.test" });
      const calls: Calls = { count: 0 };
      const url = await start(t, test.verifier, calls);
      const ask = (authorization: string | undefined, method = "GET") =>
        fetch(`${url}/v1/items`, { method, headers: authorization === undefined ? {} : { authorization } });
      return { ...test, url, calls, ask };
    }

    test("a good token gets through, under either scheme, and the handler knows whose it is", async (t) => {
      const { ask, grant, calls } = await startApi(t);
      const token = grant();
      for (const scheme of ["Token", "token", "Bearer", "bearer  "]) {
        const response = await ask(`${scheme} ${token}`, "POST");
        assert.equal(response.status, 200);
        assert.deepEqual(await response.json(), {
          username: "api-1-demo",
          userId: 1,
          account: "acme",
          access: "full",
          keyId: 3,
          expiresAt: 1_481_653_853,
        });
      }
      assert.equal(calls.count, 4);
    });

    test("no token, another scheme and a bad token are refused with 401 and a challenge, in the envelope", async (t) => {
      const { ask, calls } = await startApi(t);
      const bad = exampleToken("bad");
      for (const [authorization, code, challenge] of [
        [undefined, "authorization_missing", 'Token realm="countersign", error="authorization_missing"'],
        ["Basic dXNlcjpwYXNz", "authorization_scheme", 'Token realm="countersign", error="authorization_scheme"'],
        ["Token", "token_inactive", 'Token realm="countersign", error="token_inactive"'],
        [`Token ${bad}`, "token_inactive", 'Token realm="countersign", error="token_inactive"'],
        [
          `Bearer ${bad}`,
          "token_inactive",
          'Bearer realm="countersign", error="invalid_token", error_description="The token isn\'t valid, or not any more."',
        ],
      ] as const) {
        const response = await ask(authorization);
        assert.equal(response.status, 401);
        assert.equal(response.headers.get("www-authenticate"), challenge);
        assert.equal(response.headers.get("cache-control"), "no-store");
        assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
        const body = (await response.json()) as { meta: { errors: { hint: string; message: string }[] } };
        const [item] = body.meta.errors;
        assert.deepEqual(body, {
          meta: {
            code: 401,
            errors: [
              { code, message: item?.message, hint: item?.hint, docs: `https://auth.example.test/docs/errors#${code}` },
            ],
            warnings: [],
          },
          data: {},
        });
        assert.ok(!JSON.stringify(body).includes(bad));
      }
      assert.equal(calls.count, 0);
    });

    test("a read-only user reads, and is refused with 403 whatever else it tries", async (t) => {
      const { ask, grant, calls } = await startApi(t);
      const token = grant("reader", { access: "read_only" });
      for (const method of ["GET", "HEAD", "OPTIONS"]) assert.equal((await ask(`Token ${token}`, method)).status, 200);
      assert.equal(calls.count, 3);
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        const response = await ask(`Token ${token}`, method);
        assert.equal(response.status, 403);
        assert.equal(response.headers.get("www-authenticate"), null);
        assert.match(await response.text(), /"code":"access_read_only"/);
        const asBearer = await ask(`Bearer ${token}`, method);
        assert.match(
          asBearer.headers.get("www-authenticate") ?? "",
          /^Bearer realm="countersign", error="insufficient_scope"/,
        );
      }
      assert.equal(calls.count, 3);
    });

    test("what can't be decided is refused with 503 and Retry-After", async (t) => {
      const { ask, fake, grant, calls } = await startApi(t);
      fake.answer = ({ response }) => void response.writeHead(503, { "retry-after": "2" }).end();
      const response = await ask(`Token ${grant()}`);
      assert.equal(response.status, 503);
      assert.equal(response.headers.get("retry-after"), "2");
      assert.match(await response.text(), /"code":"unavailable"/);
      assert.equal(calls.count, 0);
    });

    test("two Authorization headers are refused with 400, whichever comes first", async (t) => {
      const { url, grant, calls } = await startApi(t);
      const token = grant();
      for (const values of [
        [`Token ${token}`, `Token ${exampleToken("bad")}`],
        [`Token ${exampleToken("bad")}`, `Token ${token}`],
        [`Token ${token}`, "Basic dXNlcjpwYXNz"],
      ]) {
        const outgoing = request(url, { method: "GET" });
        outgoing.setHeader("Authorization", values);
        outgoing.end();
        const [incoming] = (await once(outgoing, "response")) as [{ statusCode: number; resume(): void }];
        incoming.resume();
        assert.equal(incoming.statusCode, 400);
      }
      assert.equal(calls.count, 0);
    });

    test("a deactivated key is refused as soon as the feed has told", async (t) => {
      const { ask, fake, feed, grant, heard, calls } = await startApi(t);
      const token = grant();
      assert.equal((await ask(`Token ${token}`)).status, 200);
      fake.grants.clear();
      fake.position = 11;
      feed.change(11, { action: "key.deactivated", username: "api-1-demo", key_id: 3 });
      await heard(11);
      for (const scheme of ["Token", "Bearer"]) {
        const refused = await ask(`${scheme} ${token}`);
        assert.equal(refused.status, 403);
        assert.equal(refused.headers.get("www-authenticate"), null);
        assert.match(await refused.text(), /"code":"key_deactivated"/);
      }
      assert.equal(calls.count, 1);
    });
  });
}

test("express: routes before the middleware stay open, and a header that was set before stays on a refusal", async (t) => {
  const { verifier } = await startSyncedVerifier(t);
  const app = express();
  app.get("/health", (_req, res) => void res.send("ok"));
  app.use((_req, res, next) => {
    res.setHeader("access-control-allow-origin", "*");
    next();
  });
  app.use("/v1", expressMiddleware(verifier));
  app.get("/v1/items", (_req, res) => void res.send("items"));
  const url = await listen(t, app);
  assert.equal((await fetch(`${url}/health`)).status, 200);
  const refused = await fetch(`${url}/v1/items`);
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get("access-control-allow-origin"), "*");
});

test("express: what a handler throws goes to the application's error handler", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const app = express();
  app.use(expressMiddleware(verifier));
  app.get("/", () => {
    throw new Error("out of items");
  });
  app.use(((error: Error, _req, res, _next) => {
    res.status(500).send(error.message);
  }) satisfies express.ErrorRequestHandler);
  const response = await fetch(await listen(t, app), { headers: { authorization: `Token ${grant()}` } });
  assert.equal(await response.text(), "out of items");
});

test("express, node:http: a request that was answered while its verdict was under way isn't answered twice", async (t) => {
  const { verifier } = await startSyncedVerifier(t);
  const guarded = nodeHandler(verifier, () => assert.fail("it had no token"));
  const middleware = expressMiddleware(verifier);
  for (const refuse of [
    guarded,
    (...both: Parameters<typeof guarded>) => middleware(...both, () => assert.fail("it had no token")),
  ]) {
    const refusals: Promise<void>[] = [];
    const url = await listen(t, (request, response) => {
      refusals.push(refuse(request, response));
      response.writeHead(504).end("too late");
    });
    const response = await fetch(url);
    assert.deepEqual([response.status, await response.text()], [504, "too late"]);
    await Promise.all(refusals);
  }
});

test("fastify: the plugin covers the context it is registered in and those inside, and no other", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const app = fastify();
  app.get("/health", (request) => ({ auth: request.auth ?? null }));
  await app.register(async (guarded) => {
    await guarded.register(fastifyPlugin(verifier));
    guarded.get("/v1/items", (request) => request.auth);
    await guarded.register(async (inner) => {
      // Twice does no harm.
      await inner.register(fastifyPlugin(verifier));
      inner.get("/v1/inner", (request) => request.auth);
    });
  });
  const authorization = `Token ${grant()}`;
  assert.equal((await app.inject("/health")).statusCode, 200);
  for (const url of ["/v1/items", "/v1/inner"]) {
    assert.equal((await app.inject(url)).statusCode, 401);
    const { username } = (await app.inject({ url, headers: { authorization } })).json<Auth>();
    assert.equal(username, "api-1-demo");
  }
  assert.equal((await app.inject("/nowhere")).statusCode, 404);
});

test("fastify: a refused request's body isn't parsed, and onSend hooks see the refusal", async (t) => {
  const { verifier } = await startSyncedVerifier(t);
  const app = fastify();
  app.addHook("onSend", async (_request, reply) => {
    reply.header("x-seen", "yes");
  });
  await app.register(fastifyPlugin(verifier));
  app.post("/", () => "never");
  const response = await app.inject({
    method: "POST",
    url: "/",
    payload: "{",
    headers: { "content-type": "application/json" },
  });
  assert.equal(response.statusCode, 401);
  assert.equal(response.headers["x-seen"], "yes");
});

test("hono: works through app.request, keeps the headers of CORS, and lets its preflights through", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const app = new Hono<{ Variables: AuthVariables }>();
  app.use(cors());
  app.use("/v1/*", honoMiddleware(verifier));
  app.get("/v1/me", (c) => c.text(c.get("auth").username));
  const refused = await app.request("/v1/me");
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get("access-control-allow-origin"), "*");
  assert.equal((await app.request("/v1/me", { method: "OPTIONS" })).status, 204);
  const response = await app.request("/v1/me", { headers: { authorization: `Bearer ${grant()}` } });
  assert.equal(await response.text(), "api-1-demo");
});

test("fetch: what the server passes beside the request reaches the handler", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const handler = fetchHandler(verifier, (_request, auth, env: { stage: string }) =>
    Response.json([auth.username, env.stage]),
  );
  const request = new Request("http://api.test/", { headers: { authorization: `Token ${grant()}` } });
  assert.deepEqual(await (await handler(request, { stage: "test" })).json(), ["api-1-demo", "test"]);
});

test("node:http and fetch: what a handler throws is passed on, and nothing else is ever thrown", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const failure = new Error("out of items");
  const handler = fetchHandler(verifier, () => {
    throw failure;
  });
  const headers = { authorization: `Token ${grant()}` };
  await assert.rejects(handler(new Request("http://api.test/", { headers })), failure);
  const seen: unknown[] = [];
  const listener = nodeHandler(verifier, async () => Promise.reject(failure));
  const url = await listen(t, (request, response) => {
    listener(request, response).catch((error: unknown) => {
      seen.push(error);
      response.end();
    });
  });
  await fetch(url, { headers });
  assert.deepEqual(seen, [failure]);
});

test("a client that goes away while its verdict is under way does no harm", async (t) => {
  const { verifier, fake, grant } = await startSyncedVerifier(t);
  const authorization = `Token ${grant()}`;
  const url = await listen(
    t,
    nodeHandler(verifier, (_request, response) => response.end("ok")),
  );
  const asked = new Promise<() => void>((resolve) => {
    fake.answer = (exchange, token) => resolve(() => fake.send(exchange, fake.grants.get(token)));
  });
  const controller = new AbortController();
  const gone = fetch(url, { headers: { authorization }, signal: controller.signal }).catch(
    (error: Error) => error.name,
  );
  const answer = await asked;
  controller.abort();
  assert.equal(await gone, "AbortError");
  answer();
  fake.answer = undefined;
  assert.equal(await (await fetch(url, { headers: { authorization } })).text(), "ok");
});

test("an application that takes the token from elsewhere can put it into the headers", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const token = grant();
  const guarded = nodeHandler(verifier, (request, response) => response.end(request.auth.username));
  const url = await listen(t, (request, response) => {
    request.headers.authorization = `Token ${token}`;
    void guarded(request, response);
  });
  assert.equal(await (await fetch(url)).text(), "api-1-demo");
});

test("admit decides for whatever no adapter covers, such as an upgrade to WebSocket", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const admission = await verifier.admit({ method: "GET", authorization: `Bearer ${grant()}` });
  assert.ok(admission.admitted);
  assert.equal(admission.auth.username, "api-1-demo");
  const refused = await verifier.admit({ method: "GET", authorization: undefined });
  assert.ok(!refused.admitted);
  assert.deepEqual([refused.refusal.status, refused.refusal.code], [401, "authorization_missing"]);
});

test("no answer and no printed verifier holds the secret or a token", async (t) => {
  const { inspect } = await import("node:util");
  const { verifier, grant, fake } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  fake.answer = ({ response }) => void response.writeHead(500).end();
  const admissions = await Promise.all(
    [`Token ${exampleToken("bad")}`, `Bearer ${exampleToken("worse")}`, `Basic ${CLIENT_SECRET}`, token].map(
      (authorization) => verifier.admit({ method: "GET", authorization }),
    ),
  );
  const printed = inspect([verifier, verifier.status(), admissions, await verifier.verify(token)], {
    depth: Infinity,
    showHidden: true,
    getters: true,
  });
  const basic = Buffer.from(`rs-1:${CLIENT_SECRET}`).toString("base64");
  for (const secret of [token, exampleToken("bad"), exampleToken("worse"), CLIENT_SECRET, basic]) {
    assert.ok(!printed.includes(secret));
  }
});
