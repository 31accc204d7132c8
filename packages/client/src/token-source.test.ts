import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { until } from "../../../test/testkit/eventually.ts";
import { CountersignError } from "./countersign-error.ts";
import {
  type FakeService,
  fakeService,
  granted,
  isSignedBy,
  refused,
  type Reply,
  thumbprintOf,
} from "./testing/fake-service.ts";
import { type FakeSurroundings, fakeSurroundings, NOW_SECONDS } from "./testing/fake-surroundings.ts";
import { rsaKeyPair } from "../../../test/testkit/rsa-keys.ts";
import { createTokenSource, type TokenSource, type TokenSourceOptions } from "./token-source.ts";

const { publicKey, privatePem } = rsaKeyPair("alice");
const BASE = { baseUrl: "https://auth.example.com", username: "api-1-demo", privateKey: privatePem };

interface Stage extends FakeService, FakeSurroundings {
  readonly source: TokenSource;
}

function stage(replies: readonly Reply[] = [], options: Partial<TokenSourceOptions> = {}): Stage {
  const service = fakeService(...replies);
  const surroundings = fakeSurroundings();
  const source = createTokenSource({ ...BASE, ...surroundings, fetch: service.fetch, ...options });
  return Object.assign(surroundings, service, { source });
}

const httpDate = (seconds: number) => new Date(seconds * 1000).toUTCString();

async function rejection(promise: Promise<unknown>): Promise<CountersignError> {
  const error = await promise.then(
    () => assert.fail("it should have failed"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CountersignError, String(error));
  assert.equal(error.cause, undefined);
  return error;
}

describe("warnings", () => {
  const EXPIRES = { code: "key_expires_soon", message: "The key expires." };
  const warned = (warnings: unknown): Response =>
    Response.json({ meta: { code: 200, errors: [], warnings }, data: { token: "t", expires_in: 3600 } });

  test("are passed on with each token, and one from a newer service as well", async () => {
    const seen: unknown[] = [];
    const { source } = stage([warned([EXPIRES, { code: "new_one", message: "x", more: 1 }]), warned([EXPIRES])], {
      onWarning: (warning) => seen.push(warning),
    });
    await source.getToken();
    assert.deepEqual(seen, [EXPIRES, { code: "new_one", message: "x" }]);
    await source.getToken();
    assert.equal(seen.length, 2, "a token that is kept doesn't warn again");
    await source.getToken({ fresh: true });
    assert.equal(seen.length, 3);
  });

  for (const warnings of [undefined, null, "x", {}, [null], [1, "x", {}, { code: 1, message: "x" }, { code: "x" }]]) {
    test(`of another form are left out: ${JSON.stringify(warnings)}`, async () => {
      const seen: unknown[] = [];
      const { source } = stage([warned(warnings)], { onWarning: (warning) => seen.push(warning) });
      assert.equal(await source.getToken(), "t");
      assert.deepEqual(seen, []);
    });
  }

  test("are bounded and fit for a log, and repeat nothing of the assertion", async () => {
    const messages: string[] = [];
    const echo = ({ assertion }: { assertion: string }) =>
      warned(
        [...Array(40).keys()].map(() => ({ code: "x", message: `a\n\u001b[31m ${assertion} ${"y".repeat(500)}` })),
      );
    const { source } = stage([echo], { onWarning: ({ message }) => messages.push(message) });
    await source.getToken();
    assert.equal(messages.length, 16);
    assert.match(messages[0] ?? "", /^a {2}\[31m \[…\]\.\[…\]\.\[…\]/);
    assert.ok(messages.every((message) => message.length <= 500));
  });

  test("cost no token, if the function fails", async () => {
    const { source } = stage([warned([EXPIRES])], {
      onWarning: () => {
        throw new Error("the logger is broken");
      },
    });
    assert.equal(await source.getToken(), "t");
  });
});

describe("an exchange", () => {
  test("sends a signed assertion of name and time that names its key, and nothing else that matters", async () => {
    const { source, seen } = stage();
    assert.equal(await source.getToken(), "token-1");
    const [{ url, assertion, header, claims, init }] = seen as [(typeof seen)[0]];
    assert.equal(url, "https://auth.example.com/api/auth/v0/refresh/?ttl=3600");
    assert.deepEqual(header, { alg: "RS256", typ: "JWT", kid: thumbprintOf(publicKey) });
    assert.deepEqual(claims, { username: "api-1-demo", iat: NOW_SECONDS });
    assert.ok(isSignedBy(assertion, publicKey));
    assert.equal(new Headers(init.headers).get("authorization"), `JWT ${assertion}`);
    assert.equal(init.redirect, "manual");
    assert.equal(init.method, undefined);
    assert.equal(init.body, undefined);
  });

  test("keeps fractions of seconds, a path prefix, and every letter of a username", async () => {
    const { source, seen, advance } = stage([], {
      baseUrl: new URL("http://h/x/y//"),
      username: "räksmörgås",
      ttlSeconds: 600,
    });
    advance(0.25);
    await source.getToken();
    assert.equal(seen[0]?.url, "http://h/x/y/api/auth/v0/refresh/?ttl=600");
    assert.deepEqual(seen[0]?.claims, { username: "räksmörgås", iat: NOW_SECONDS + 0.25 });
    assert.equal(source.baseUrl, "http://h/x/y");
  });

  for (const code of ["assertion_stale", "assertion_early"]) {
    test(`after ${code} signs again, once, by the server's Date, and stays with it`, async () => {
      const late = { headers: { Date: httpDate(NOW_SECONDS + 600) } };
      const { source, seen, pauses, advance } = stage([refused(401, code, late)]);
      assert.equal(await source.getToken(), "token-2");
      assert.equal(seen[1]?.claims.iat, NOW_SECONDS + 600.5, "in the middle of the second that the header names");
      assert.deepEqual(pauses, [], "at once");
      advance(3600);
      assert.equal(await source.getToken(), "token-3");
      assert.equal(seen[2]?.claims.iat, NOW_SECONDS + 3600 + 600.5);
    });
  }

  test("that is refused for its time again doesn't sign a third time", async () => {
    const skewed = () => refused(401, "assertion_stale", { headers: { Date: httpDate(NOW_SECONDS + 600) } });
    const { source, seen } = stage([skewed(), skewed()]);
    assert.equal((await rejection(source.getToken())).code, "assertion_stale");
    assert.equal(seen.length, 2);
  });

  for (const [name, headers] of [
    ["no Date", {}],
    ["a Date that is none", { Date: "soon" }],
  ] as const) {
    test(`refused for its time, with ${name}, isn't signed again`, async () => {
      const { source, seen } = stage([refused(401, "assertion_stale", { headers })]);
      assert.equal((await rejection(source.getToken())).code, "assertion_stale");
      assert.equal(seen.length, 1);
    });
  }

  for (const [status, code] of [
    [403, "key_deactivated"],
    [403, "key_expired"],
    [403, "user_deactivated"],
    [403, "account_deactivated"],
    [401, "assertion_rejected"],
    [400, "ttl_invalid"],
    [404, "not_found"],
  ] as const) {
    test(`refused with ${status} ${code} is never repeated, and says what the server said`, async () => {
      const { source, seen, pauses } = stage([refused(status, code, { headers: { "Retry-After": "1" } })]);
      const error = await rejection(source.getToken());
      assert.equal(error.code, code);
      assert.equal(error.message, `Refused: ${code}.`);
      assert.equal(error.hint, "Do something.");
      assert.equal(error.status, status);
      assert.equal(error.requestId, "req-1");
      assert.match(String(error.stack), new RegExp(`^CountersignError: Refused: ${code}\\.\\n`));
      assert.equal(seen.length, 1);
      assert.deepEqual(pauses, []);
      assert.equal(await source.getToken(), "token-2", "and the next call asks again, at once");
      assert.deepEqual(pauses, []);
    });
  }

  for (const [name, reply] of [
    ["500", () => refused(500, "internal")],
    ["503", () => refused(503, "unavailable")],
    ["502 of a proxy", () => new Response("<html>Bad gateway</html>", { status: 502 })],
    ["429", () => refused(429, "rate_limited")],
    ["408", () => refused(408, "request_timeout")],
    [
      "a broken network",
      () => new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "ECONNRESET" }) }),
    ],
    [
      "a body that breaks off",
      () => new Response(new ReadableStream({ pull: (c) => c.error(new TypeError("terminated")) })),
    ],
  ] as const) {
    test(`is repeated after ${name}, with a new assertion and longer and longer pauses`, async () => {
      const { source, seen, pauses } = stage([reply(), reply(), reply()]);
      assert.equal(await source.getToken(), "token-4");
      assert.deepEqual(pauses, [187.5, 375, 750]);
      assert.equal(new Set(seen.map(({ claims }) => claims.iat)).size, 4);
    });
  }

  test("pauses for half to all of 250 ms, doubled each time up to 8 s", async () => {
    for (const [chance, expected] of [
      [0, [125, 250, 500, 1000, 2000, 4000, 4000]],
      [1, [250, 500, 1000, 2000, 4000, 8000, 8000]],
    ] as const) {
      const self = stage(
        Array.from({ length: 8 }, () => refused(500, "internal")),
        { deadlineSeconds: 60 },
      );
      self.chance = chance;
      assert.equal((await rejection(self.source.getToken())).code, "internal");
      assert.deepEqual(self.pauses, expected);
      assert.equal(self.seen.length, 8, "eight attempts are enough");
    }
  });

  test("ends at its deadline, with the last failure, instead of pausing beyond it", async () => {
    const { source, seen, pauses, clock } = stage(
      Array.from({ length: 8 }, () => refused(500, "internal")),
      { deadlineSeconds: 1 },
    );
    const startMs = clock.monotonicMs();
    assert.equal((await rejection(source.getToken())).code, "internal");
    assert.deepEqual(pauses, [187.5, 375], "750 more would be too many");
    assert.ok(clock.monotonicMs() - startMs <= 1000);
    assert.equal(seen.length, 3);
  });

  for (const [name, headers] of [
    ["seconds", { "Retry-After": "7" }],
    ["a date, counted from the answer's own", { "Retry-After": httpDate(107), Date: httpDate(100) }],
    ["a date, counted from here where the answer has none", { "Retry-After": httpDate(NOW_SECONDS + 7) }],
  ] as const) {
    test(`waits for what Retry-After says and a bit: ${name}`, async () => {
      const { source, pauses } = stage([refused(429, "rate_limited", { headers })]);
      assert.equal(await source.getToken(), "token-2");
      assert.deepEqual(pauses, [7187.5]);
    });
  }

  for (const value of ["-5", "1.5", "1e9", "soon", "", httpDate(NOW_SECONDS - 100)]) {
    test(`doesn't wait for a Retry-After of "${value}"`, async () => {
      const { source, pauses } = stage([refused(503, "unavailable", { headers: { "Retry-After": value } })]);
      assert.equal(await source.getToken(), "token-2");
      assert.deepEqual(pauses, [187.5]);
    });
  }

  test("fails at once where Retry-After is beyond the deadline, and leaves the server alone until then, but 5 minutes at most", async () => {
    const { source, seen, pauses, advance } = stage([
      refused(429, "rate_limited", { headers: { "Retry-After": "9".repeat(30) } }),
    ]);
    assert.equal((await rejection(source.getToken())).retryAfterSeconds, 300);
    advance(100);
    const error = await rejection(source.getToken());
    assert.equal(error.code, "rate_limited");
    assert.equal(error.retryAfterSeconds, 200);
    assert.equal(error.hint, "Do something.");
    assert.equal(seen.length, 1, "nobody asked the server meanwhile");
    advance(190);
    assert.equal(await source.getToken(), "token-2", "10 s are within the deadline, so they are waited for");
    assert.deepEqual(pauses, [10_187.5]);
  });

  test("takes a Retry-After of a moment that is over for none", async () => {
    const headers = { "Retry-After": httpDate(NOW_SECONDS - 100) };
    const { source } = stage([refused(403, "key_deactivated", { headers })]);
    assert.equal((await rejection(source.getToken())).retryAfterSeconds, 0);
  });

  test("that nobody waits for doesn't wait for the server either", async () => {
    const failures: (number | undefined)[] = [];
    const self = stage([], { deadlineSeconds: 5, onRefreshFailed: (error) => failures.push(error.retryAfterSeconds) });
    await self.source.getToken();
    self.advance(3200);
    self.replies.push(refused(429, "rate_limited", { headers: { "Retry-After": "10" } }));
    assert.equal((await rejection(self.source.getToken({ fresh: true }))).code, "rate_limited");
    self.advance(8);
    assert.equal(await self.source.getToken(), "token-1");
    await until(() => failures.length === 1);
    assert.deepEqual(failures, [2]);
    assert.deepEqual(self.pauses, []);
    assert.equal(self.seen.length, 2);
  });

  test("gives up an attempt after 10 s, and the next one may succeed", async () => {
    let signal: AbortSignal | null | undefined;
    const never = new Promise<Response>(() => undefined);
    const self = stage([
      ({ init }) => {
        signal = init.signal;
        return never;
      },
    ]);
    const startMs = self.clock.monotonicMs();
    const token = self.source.getToken();
    await until(() => self.seen.length === 1);
    self.fireTimer();
    assert.equal(await token, "token-2");
    assert.equal(signal?.aborted, true);
    assert.equal(self.clock.monotonicMs() - startMs, 10_187.5);
    assert.equal(self.timers(), 0, "no timer is left");
  });

  test("gives up an answer whose body never ends", async () => {
    const slow = new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(1)) }));
    const self = stage([slow], { deadlineSeconds: 5 });
    const startMs = self.clock.monotonicMs();
    const token = rejection(self.source.getToken());
    await until(() => self.seen.length === 1);
    self.fireTimer();
    const error = await token;
    assert.equal(self.clock.monotonicMs() - startMs, 5000, "the deadline comes before the attempt's own end");
    assert.equal(error.code, "timeout");
    assert.equal(error.message, "The answer didn't come in time.");
    assert.equal(self.timers(), 0);
  });

  test("gives up a private key that doesn't come", async () => {
    const self = stage([], { privateKey: () => new Promise<string>(() => undefined) });
    const token = rejection(self.source.getToken());
    await until(() => self.timers() === 1);
    self.fireTimer();
    const error = await token;
    assert.equal(error.code, "timeout");
    assert.equal(error.message, "The private key didn't come in time.");
  });

  test("says which error of the system kept it from the server, and nothing else of it", async () => {
    for (const [error, code] of [
      [Object.assign(new Error("secret"), { code: "ConnectionRefused" }), " (ConnectionRefused)"],
      [new TypeError("fetch failed", { cause: { code: "ENOTFOUND" } }), " (ENOTFOUND)"],
      [Object.assign(new Error("secret"), { code: "JWT eyJ" }), ""],
      [Object.assign(new Error("secret"), { code: 7 }), ""],
    ] as const) {
      const failure = await rejection(stage([error], { deadlineSeconds: 0.1 }).source.getToken());
      assert.equal(failure.code, "network");
      assert.equal(failure.message, `The service can't be reached${code}, or the connection broke.`);
    }
  });
});

describe("an answer that isn't the service's", () => {
  for (const [name, reply, message] of [
    ["a page", new Response("<html>Welcome</html>"), "An answer with status 200 came that isn't this service's."],
    [
      "a page not found",
      new Response("<html>", { status: 404 }),
      "An answer with status 404 came that isn't this service's.",
    ],
    ["JSON of another kind", Response.json([1]), "An answer with status 200 came that isn't this service's."],
    ["null", Response.json(null), "An answer with status 200 came that isn't this service's."],
    ["no body", new Response(null, { status: 204 }), "An answer with status 204 came that isn't this service's."],
    [
      "errors without codes",
      Response.json({ meta: { errors: ["x"] } }, { status: 401 }),
      "An answer with status 401 came that isn't this service's.",
    ],
    [
      "a token that isn't one",
      granted("a\r\nX-Injected: 1"),
      "An answer with status 200 came that isn't this service's.",
    ],
    ["an empty token", granted(""), "An answer with status 200 came that isn't this service's."],
    [
      "a token beyond all bounds",
      granted("x".repeat(4097)),
      "An answer with status 200 came that isn't this service's.",
    ],
    ["a lifetime of nothing", granted("t", 0), "An answer with status 200 came that isn't this service's."],
    ["a lifetime that is no number", granted("t", "3600"), "An answer with status 200 came that isn't this service's."],
    ["more than 64 KiB", new Response("x".repeat(65_537)), "The answer is longer than any of this service's."],
    [
      "a redirect",
      new Response(null, { status: 301, headers: { Location: "https://evil" } }),
      "The service's address answers with a redirect, which isn't followed: the assertion is for the service alone.",
    ],
  ] as const) {
    test(`is a typed error, and isn't asked for again: ${name}`, async () => {
      const { source, seen } = stage([reply]);
      const error = await rejection(source.getToken());
      assert.equal(error.code, "answer_unexpected");
      assert.equal(error.message, message);
      assert.ok((error.hint ?? "").length > 10);
      assert.equal(seen.length, 1);
    });
  }

  test("is read no further than 64 KiB", async () => {
    let pulled = 0;
    let isCancelled = false;
    const endless = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(16_384));
      },
      cancel() {
        isCancelled = true;
      },
    });
    const error = await rejection(stage([new Response(endless)]).source.getToken());
    assert.equal(error.code, "answer_unexpected");
    assert.ok(pulled < 8 && isCancelled, `${pulled} times`);
  });

  test("may be a refusal that this version doesn't know, which keeps its name and text", async () => {
    const error = await rejection(stage([refused(418, "teapot_short", { message: "Too short." })]).source.getToken());
    assert.equal(error.code, "refusal_unknown");
    assert.equal(error.message, "teapot_short: Too short.");
    assert.equal(error.status, 418);
  });

  test("that grants for years is trusted for 12 hours", async () => {
    const { source, advance } = stage([granted("token-1", 1e9)]);
    await source.getToken();
    advance(43_200);
    assert.equal(await source.getToken(), "token-2");
  });

  test("gets no control characters, and no endless text, into an error", async () => {
    const message = `\u001B[31m\r\nred\u0000${"x".repeat(10_000)}`;
    const error = await rejection(
      stage([refused(400, "bad_request", { message, headers: { "X-Request-Id": "a b" } })]).source.getToken(),
    );
    assert.doesNotMatch(error.message, /\p{C}/u);
    assert.equal(error.message.length, 500);
    assert.equal(error.requestId, undefined);
  });
});

describe("a token", () => {
  test("is handed out again until its refresh is due, and gone for is one exchange, however many ask", async () => {
    const { source, seen, advance, timers } = stage();
    const all = await Promise.all(Array.from({ length: 50 }, () => source.getToken()));
    assert.deepEqual(new Set(all), new Set(["token-1"]));
    advance(3600 * 0.85 - 0.001);
    assert.equal(await source.getToken(), "token-1");
    await new Promise(setImmediate);
    assert.equal(seen.length, 1);
    assert.equal(timers(), 0, "an exchange that began would have one");
  });

  for (const [chance, part] of [
    [0, 0.8],
    [0.5, 0.85],
    [0.999, 0.8999],
  ] as const) {
    test(`is refreshed in the background at ${part} of its life, by chance ${chance}`, async () => {
      const self = stage();
      self.chance = chance;
      await self.source.getToken();
      self.advance(3600 * part - 0.001);
      await self.source.getToken();
      await new Promise(setImmediate);
      assert.equal(self.seen.length, 1);
      assert.equal(self.timers(), 0, "an exchange that began would have one");
      self.advance(0.002);
      const held = await Promise.all(Array.from({ length: 20 }, () => self.source.getToken()));
      assert.deepEqual(new Set(held), new Set(["token-1"]), "nobody waits for it");
      await until(() => self.timers() === 0 && self.seen.length === 2);
      assert.equal(await self.source.getToken(), "token-2");
      assert.equal(self.seen.length, 2);
    });
  }

  test("isn't handed out in its last 30 s", async () => {
    const { source, seen, advance, replies } = stage();
    await source.getToken();
    replies.push(new TypeError(), granted("token-new"));
    advance(3569.999);
    assert.equal(await source.getToken(), "token-1", "refreshed, but still good");
    await until(() => seen.length === 2);
    advance(0.001);
    assert.equal(await source.getToken(), "token-new");
  });

  test("counts its age from before it was asked for, so it is never thought younger than it is", async () => {
    const self = stage();
    self.replies.push(() => {
      self.advance(20);
      return granted("token-1");
    });
    await self.source.getToken();
    self.advance(3550);
    assert.equal(await self.source.getToken(), "token-2");
  });

  test("ages through a machine's sleep, and though somebody sets the clock back", async () => {
    const asleep = stage();
    await asleep.source.getToken();
    asleep.setWall(NOW_SECONDS + 3600);
    assert.equal(await asleep.source.getToken(), "token-2", "the monotonic clock stood still");

    const setBack = stage();
    await setBack.source.getToken();
    setBack.advance(3600);
    setBack.setWall(NOW_SECONDS - 86_400);
    assert.equal(await setBack.source.getToken(), "token-2");
  });

  test("stays in use while its refresh fails, which is tried again after a pause and reported, until it nears its end", async () => {
    const failures: string[] = [];
    const self = stage([], {
      onRefreshFailed(error) {
        failures.push(error.code);
        throw new Error("a logger that fails");
      },
    });
    await self.source.getToken();
    self.advance(3200);
    self.replies.push(
      refused(503, "unavailable"),
      refused(403, "key_deactivated"),
      refused(503, "unavailable", { headers: { "Retry-After": "60" } }),
    );
    for (const [count, pauseMs] of [
      [1, 187.5],
      [2, 375],
      [3, 60_000],
    ] as const) {
      const held = await Promise.all([self.source.getToken(), self.source.getToken()]);
      assert.deepEqual(held, ["token-1", "token-1"]);
      await until(() => failures.length === count);
      self.advance((pauseMs - 1) / 1000);
      assert.equal(await self.source.getToken(), "token-1");
      await new Promise(setImmediate);
      assert.equal(self.timers(), 0, "not before its pause is over");
      assert.equal(self.seen.length, 1 + count);
      self.advance(0.001);
    }
    assert.deepEqual(failures, ["unavailable", "key_deactivated", "unavailable"]);
    assert.deepEqual(self.pauses, [], "nothing sleeps in the background");
    self.replies.push(refused(403, "key_deactivated"));
    self.advance(400);
    assert.equal((await rejection(self.source.getToken())).code, "key_deactivated", "now callers have to know");
  });

  test("whose refresh was under way when it ended comes from that, which goes on trying now that somebody waits", async () => {
    const self = stage();
    await self.source.getToken();
    const reply = Promise.withResolvers<Response>();
    self.replies.push(() => reply.promise, refused(500, "internal"));
    self.advance(3565);
    await self.source.getToken();
    await until(() => self.seen.length === 2);
    self.advance(6);
    const waiting = self.source.getToken();
    reply.resolve(refused(500, "internal"));
    assert.equal(await waiting, "token-4");
    assert.equal(self.pauses.length, 2);
  });

  test("is replaced when a caller wants a fresh one, and others keep the present one until then", async () => {
    const { source, seen } = stage();
    await source.getToken();
    const fresh = source.getToken({ fresh: true });
    const again = source.getToken({ fresh: true });
    assert.equal(await source.getToken(), "token-1");
    assert.equal(await fresh, "token-2");
    assert.equal(await again, "token-2", "one exchange for both");
    assert.equal(await source.getToken(), "token-2");
    assert.equal(seen.length, 2);
  });

  test("is dropped by invalidate, a newer one isn't", async () => {
    const { source } = stage();
    await source.getToken();
    source.invalidate("token-1");
    assert.equal(await source.getToken(), "token-2");
    source.invalidate("token-1");
    assert.equal(await source.getToken(), "token-2");
  });
});

describe("a caller's signal", () => {
  test("ends that caller's waiting with its reason, and nobody else's", async () => {
    const reply = Promise.withResolvers<Response>();
    const self = stage([() => reply.promise]);
    const controller = new AbortController();
    const impatient = self.source.getToken({ signal: controller.signal });
    const patient = self.source.getToken();
    const reason = new Error("enough");
    await until(() => self.seen.length === 1);
    controller.abort(reason);
    await assert.rejects(impatient, reason);
    assert.equal(self.seen[0]?.init.signal?.aborted, false);
    reply.resolve(granted("token-1"));
    assert.equal(await patient, "token-1");
    await assert.rejects(self.source.getToken({ signal: controller.signal }), reason);
  });

  test("leaves no unhandled rejection behind when the exchange that nobody waits for fails", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", note);
    try {
      const reply = Promise.withResolvers<Response>();
      const self = stage([() => reply.promise]);
      const controller = new AbortController();
      const waiting = self.source.getToken({ signal: controller.signal });
      await until(() => self.seen.length === 1);
      controller.abort();
      await assert.rejects(waiting, { name: "AbortError" });
      reply.resolve(refused(403, "key_deactivated"));
      await until(() => self.timers() === 0);
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      assert.deepEqual(unhandled, []);
    } finally {
      process.off("unhandledRejection", note);
    }
  });
});

describe("an option that can't be", () => {
  for (const [name, options, message] of [
    ["no URL", { baseUrl: "auth.example.com" }, "baseUrl isn't a URL."],
    ["an undefined URL", { baseUrl: undefined as unknown as string }, "baseUrl isn't a URL."],
    ["another scheme", { baseUrl: "ftp://auth.example.com" }, "baseUrl isn't an http or https URL."],
    [
      "a URL with a password",
      { baseUrl: "https://u:hunter2hunter2@auth.example.com" },
      "baseUrl holds a user name or password.",
    ],
    [
      "a URL with a query",
      { baseUrl: "https://auth.example.com?key=hunter2hunter2" },
      "baseUrl holds a query or a fragment.",
    ],
    ["the exchange's own URL", { baseUrl: "https://a/api/auth/v0/refresh" }, "baseUrl names the exchange itself."],
    ["no username", { username: "" }, "username must be a text that isn't empty."],
    ["ttl 599", { ttlSeconds: 599 }, "ttlSeconds must be a whole number from 600 to 43200."],
    ["ttl 43201", { ttlSeconds: 43_201 }, "ttlSeconds must be a whole number from 600 to 43200."],
    ["ttl 3600.5", { ttlSeconds: 3600.5 }, "ttlSeconds must be a whole number from 600 to 43200."],
    [
      "ttl as text",
      { ttlSeconds: "3600" as unknown as number },
      "ttlSeconds must be a whole number from 600 to 43200.",
    ],
    ["a timeout of 0", { attemptTimeoutSeconds: 0 }, "attemptTimeoutSeconds must be above 0 and at most 86400."],
    ["an endless deadline", { deadlineSeconds: Infinity }, "deadlineSeconds must be above 0 and at most 86400."],
  ] as const) {
    test(`is refused at once: ${name}`, () => {
      assert.throws(
        () => stage([], options),
        (error: unknown) => {
          assert.ok(error instanceof CountersignError);
          assert.equal(error.code, "options_invalid");
          assert.equal(error.message, message);
          assert.doesNotMatch(inspect(error), /hunter2/);
          return true;
        },
      );
    });
  }

  test("600 and 43200 s are lifetimes, inclusive", () => {
    for (const ttlSeconds of [600, 43_200]) stage([], { ttlSeconds });
  });
});

describe("secrets", () => {
  const words = (value: unknown) =>
    [
      inspect(value, { depth: 20, showHidden: true, getters: true }),
      String(value),
      JSON.stringify(value),
      (value as Error)?.stack,
    ].join("\n");
  const secretsOf = (text: string) => text.match(/[\w+/-]{24,}/g) ?? [];

  test("are in no form of a token source, before and after its use", async () => {
    const { source, seen } = stage();
    const before = words(source);
    const token = await source.getToken();
    assert.equal(Object.isFrozen(source), true);
    for (const text of [before, words(source)]) {
      assert.ok(!text.includes(token));
      for (const piece of [...secretsOf(privatePem), ...secretsOf(seen[0]?.assertion ?? "")])
        assert.ok(!text.includes(piece));
    }
  });

  test("are in no error, though the other side, or fetch, repeats them in its words, its codes or its headers", async () => {
    const echoes: readonly ((assertion: string) => Response | Error)[] = [
      (assertion) =>
        refused(401, "assertion_malformed", { message: `Bad: ${assertion}`, hint: `${assertion.slice(20, 90)}…` }),
      (assertion) =>
        refused(401, assertion, { message: `JWT+${assertion.split(".")[2]}`, headers: { "X-Request-Id": assertion } }),
      (assertion) =>
        refused(401, "assertion_malformed", {
          message: assertion.split(".").join(" "),
          hint: `x${assertion.slice(-60)}`,
        }),
      (assertion) => new Response(assertion, { status: 400 }),
      (assertion) => new Response(null, { status: 302, headers: { Location: `https://x/?${assertion}` } }),
      (assertion) =>
        Object.assign(new TypeError(`bad header ${assertion}`), { code: assertion, cause: { code: assertion } }),
    ];
    for (const [index, echo] of echoes.entries()) {
      const { source, seen } = stage(
        [
          ({ assertion }) => {
            const reply = echo(assertion);
            if (reply instanceof Error) throw reply;
            return reply;
          },
        ],
        { deadlineSeconds: 0.1 },
      );
      const error = await rejection(source.getToken());
      const text = words(error);
      const [, claims = "", signature = ""] = seen[0]?.assertion.split(".") ?? [];
      assert.ok(signature.length > 300);
      for (const part of [claims, signature]) {
        for (let at = 0; at + 20 <= part.length; at++) {
          assert.ok(!text.includes(part.slice(at, at + 20)), `echo ${index}: ${text}`);
        }
      }
    }
  });
});
