import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { CountersignError } from "./countersign-error.ts";
import { createFetch, type FetchOptions } from "./create-fetch.ts";

interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly header: string | string[] | undefined;
  readonly body: string;
}

/** An API on a real socket. It takes the tokens that are good, and notes what it saw. */
async function startApi(good: (token: string) => boolean = () => true, goodStatus = 200) {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({
        method,
        url,
        authorization: headers.authorization,
        header: headers["x-more"],
        body: String(Buffer.concat(chunks)),
      });
      const redirect = /^\/to\/(.+)/.exec(url)?.[1];
      if (redirect !== undefined) response.writeHead(302, { Location: decodeURIComponent(redirect) });
      else response.statusCode = good(headers.authorization ?? "") ? goodStatus : 401;
      response.end("body");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => server.close());
  return { seen, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Gives `token-1` until that is invalidated, then `token-2` … */
function fakeSource(baseUrl: string): Parameters<typeof createFetch>[0] & { readonly invalidated: string[] } {
  const invalidated: string[] = [];
  let number = 1;
  return {
    baseUrl,
    invalidated,
    async getToken(options) {
      options?.signal?.throwIfAborted();
      return `token-${number}`;
    },
    invalidate(token) {
      invalidated.push(token);
      if (token === `token-${number}`) number++;
    },
  };
}

const isOriginRefused = (error: unknown) => error instanceof CountersignError && error.code === "origin_refused";

test("a 403 is the answer: the token is kept, none other is got, and nothing is sent again", async () => {
  const { origin, seen } = await startApi(() => true, 403);
  const source = fakeSource(origin);
  const send = createFetch(source);
  for (const body of [undefined, "x"]) {
    const response = await send(origin, body === undefined ? {} : { method: "POST", body });
    assert.equal(response.status, 403);
    assert.equal(await response.text(), "body");
  }
  assert.equal(seen.length, 2);
  assert.deepEqual(source.invalidated, []);
  assert.equal(await source.getToken(), "token-1");
});

describe("a request", () => {
  test("carries the token, and everything that the caller gave", async () => {
    const { origin, seen } = await startApi();
    const send = createFetch(fakeSource(origin));
    const response = await send(`${origin}/a?b=c`, { method: "PUT", body: "x", headers: { "X-More": "1" } });
    assert.equal(await response.text(), "body");
    assert.deepEqual(seen, [{ method: "PUT", url: "/a?b=c", authorization: "Token token-1", header: "1", body: "x" }]);
  });

  test("may be a URL or a Request, whose headers, method and body stay", async () => {
    const { origin, seen } = await startApi();
    const send = createFetch(fakeSource(origin), { scheme: "Bearer" });
    await send(new URL("/a", origin));
    const request = new Request(`${origin}/b`, { method: "POST", body: "x", headers: { "X-More": "1" } });
    await send(request);
    assert.deepEqual(seen, [
      { method: "GET", url: "/a", authorization: "Bearer token-1", header: undefined, body: "" },
      { method: "POST", url: "/b", authorization: "Bearer token-1", header: "1", body: "x" },
    ]);
    assert.equal(request.headers.has("authorization"), false, "the caller's Request isn't changed");
  });

  test("with its own Authorization is passed on as it is", async () => {
    const { origin, seen } = await startApi(() => false);
    const source = fakeSource(origin);
    const send = createFetch(source);
    const headers = { authorization: "Basic x" };
    assert.equal((await send(origin, { headers })).status, 401);
    assert.equal((await send(new Request(origin, { headers }))).status, 401);
    assert.deepEqual(
      seen.map(({ authorization }) => authorization),
      ["Basic x", "Basic x"],
    );
    assert.deepEqual(source.invalidated, []);
  });

  test("to another origin than the service's is refused, and nothing is sent", async () => {
    const [service, other] = [await startApi(), await startApi()];
    const source = fakeSource(`${service.origin}/prefix`);
    const send = createFetch(source);
    const port = new URL(service.origin).port;
    for (const target of [
      other.origin,
      `https://127.0.0.1:${port}`,
      `http://localhost:${port}`,
      `http://127.0.0.1.evil.test:${port}`,
      `http://127.0.0.1:${port}@evil.test/`,
      "/relative",
      "data:text/plain,x",
      "not a url",
    ]) {
      await assert.rejects(send(target), isOriginRefused, target);
    }
    await assert.rejects(send(new URL(other.origin)), isOriginRefused);
    await assert.rejects(send(new Request(other.origin)), isOriginRefused);
    assert.equal((await send(`${service.origin}/anything`)).status, 200, "a path is no bound");
    assert.deepEqual([service.seen.length, other.seen.length], [1, 0]);
  });

  test("may go to the origins that were named, and to those alone", async () => {
    const [service, api] = [await startApi(), await startApi()];
    const send = createFetch(fakeSource(service.origin), { origins: [`${api.origin}/`] });
    assert.equal((await send(api.origin)).status, 200);
    await assert.rejects(send(service.origin), isOriginRefused);
    await assert.rejects(createFetch(fakeSource(service.origin), { origins: [] })(service.origin), isOriginRefused);
  });

  test("that is redirected to another origin arrives there without the token", async () => {
    const [api, other] = [await startApi(), await startApi()];
    const send = createFetch(fakeSource(api.origin));
    await send(`${api.origin}/to/${encodeURIComponent(other.origin)}`);
    assert.equal(other.seen.length, 1);
    assert.equal(other.seen[0]?.authorization, undefined);
  });

  for (const [name, options] of [
    ["a path", { origins: ["https://api.example.com/v1"] }],
    ["a user", { origins: ["https://user@api.example.com"] }],
    ["another scheme", { origins: ["ftp://api.example.com"] }],
    ["a pattern", { origins: ["*"] }],
    ["another Authorization scheme", { scheme: "Basic" as "Bearer" }],
  ] satisfies [string, FetchOptions][]) {
    test(`can't be allowed by ${name}`, () => {
      assert.throws(
        () => createFetch(fakeSource("https://a.test"), options),
        (error: unknown) => error instanceof CountersignError && error.code === "options_invalid",
      );
    });
  }
});

describe("after a 401", () => {
  const bytes = new TextEncoder().encode("text");
  const form = new FormData();
  form.set("a", "text");
  for (const [name, body] of [
    ["no body", undefined],
    ["null", null],
    ["a text", "text"],
    ["bytes", bytes],
    ["a buffer", bytes.buffer],
    ["a Blob", new Blob(["text"])],
    ["a form", form],
    ["parameters", new URLSearchParams({ a: "text" })],
  ] as const) {
    const isEmpty = body === undefined || body === null;
    test(`the request is sent once more with a new token: ${name}`, async () => {
      const { origin, seen } = await startApi((token) => token === "Token token-2");
      const source = fakeSource(origin);
      const init: RequestInit = body === undefined ? {} : { body };
      const response = await createFetch(source)(origin, { method: isEmpty ? "GET" : "POST", ...init });
      assert.equal(response.status, 200);
      assert.deepEqual(source.invalidated, ["token-1"]);
      assert.equal(seen.length, 2);
      if (!isEmpty) for (const request of seen) assert.match(request.body, /text/);
    });

    if (isEmpty) continue;
    test(`a Request is, too: ${name}`, async () => {
      const { origin, seen } = await startApi((token) => token === "Token token-2");
      const request = new Request(origin, { method: "POST", body, headers: { "X-More": "1" } });
      assert.equal((await createFetch(fakeSource(origin))(request)).status, 200);
      for (const { body, method, header } of seen) {
        assert.match(body, /text/);
        assert.deepEqual([method, header], ["POST", "1"]);
      }
      assert.equal(seen.length, 2);
    });
  }

  test("a stream isn't sent again: the 401 is returned, and the next request has a new token", async () => {
    const { origin, seen } = await startApi((token) => token === "Token token-2");
    const send = createFetch(fakeSource(origin));
    const init = { method: "POST", body: new Blob(["text"]).stream(), duplex: "half" } as RequestInit;
    const response = await send(origin, init);
    assert.equal(response.status, 401);
    assert.equal(await response.text(), "body");
    assert.equal(seen.length, 1);
    assert.equal((await send(origin)).status, 200);
  });

  test("a second 401 is returned", async () => {
    const { origin, seen } = await startApi(() => false);
    const source = fakeSource(origin);
    const response = await createFetch(source)(origin);
    assert.equal(response.status, 401);
    assert.equal(await response.text(), "body");
    assert.equal(seen.length, 2);
    assert.deepEqual(source.invalidated, ["token-1"], "the new one may be good elsewhere");
  });

  for (const status of [200, 400, 403, 404, 500, 503]) {
    test(`${status} isn't one`, async () => {
      const source = fakeSource("https://api.test");
      let calls = 0;
      const send = createFetch(source, {
        fetch: async () => {
          calls++;
          return new Response("x", { status });
        },
      });
      assert.equal((await send("https://api.test/")).status, status);
      assert.equal(calls, 1);
      assert.deepEqual(source.invalidated, []);
    });
  }

  test("many requests with the same token get one new token", async () => {
    const { origin, seen } = await startApi((token) => token === "Token token-2");
    const source = fakeSource(origin);
    const send = createFetch(source);
    const all = await Promise.all(Array.from({ length: 10 }, () => send(origin)));
    assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]));
    assert.equal(await source.getToken(), "token-2");
    assert.equal(seen.length, 20);
  });

  test("the first answer's body is let go, and so is a body that needn't be sent again", async () => {
    const cancelled: string[] = [];
    const body = (name: string) =>
      new ReadableStream({
        cancel() {
          cancelled.push(name);
        },
      });
    const replies = [new Response(body("first"), { status: 401 }), new Response("good")];
    const send = createFetch(fakeSource("https://api.test"), { fetch: async () => replies.shift() ?? assert.fail() });
    assert.equal(await (await send("https://api.test/")).text(), "good");
    assert.deepEqual(cancelled, ["first"]);
  });

  test("the copy of a Request's body is let go with the first answer", async () => {
    let isCancelled = false;
    const body = new ReadableStream({
      cancel() {
        isCancelled = true;
      },
    });
    const request = new Request("https://api.test/", { method: "POST", body, duplex: "half" });
    const send = createFetch(fakeSource("https://api.test"), {
      async fetch(input) {
        // Both halves of a body have to be let go before its source hears of it.
        (input as Request).body?.cancel().catch(() => undefined);
        return new Response("good");
      },
    });
    await send(request);
    assert.equal(isCancelled, true);
  });

  test("a refusal of the new token is what the caller gets, because it says more", async () => {
    const refusal = new CountersignError("key_deactivated", "The key is deactivated.", { status: 403 });
    const source = fakeSource("https://api.test");
    const getToken = async () => (source.invalidated.length === 0 ? "token-1" : Promise.reject(refusal));
    const send = createFetch({ ...source, getToken }, { fetch: async () => new Response(null, { status: 401 }) });
    await assert.rejects(send("https://api.test/"), refusal);
  });
});

test("the caller's signal ends the waiting for a token, too", async () => {
  const source = fakeSource("https://api.test");
  const fetch = () => assert.fail("nothing is sent");
  const send = createFetch(source, { fetch });
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(send("https://api.test/", { signal }), /enough/);
  await assert.rejects(send(new Request("https://api.test/", { signal })), /enough/);
});
