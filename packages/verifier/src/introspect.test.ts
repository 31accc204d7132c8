import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { parseAnswer, QUESTIONS_MAX } from "./introspect.ts";
import { CLIENT_SECRET, type Exchange, exampleGrant, exampleToken } from "./testing/fake-countersign.ts";
import { startSyncedVerifier, startTestVerifier } from "./testing/test-verifier.ts";
import { eventually } from "../../../test/testkit/eventually.ts";
import { settle } from "./testing/settle.ts";

const NOW_MS = 1_481_650_253_342;
const HEADERS = { "content-type": "application/json; charset=utf-8", "countersign-feed-position": "7" };

const parse = (value: unknown, headers: Record<string, string> = HEADERS) =>
  parseAnswer(typeof value === "string" ? value : JSON.stringify(value), new Headers(headers));

test("an answer is read with the position that it reflects", () => {
  assert.deepEqual(parse({ active: false }), { kind: "inactive", position: 7 });
  assert.deepEqual(parse({ active: false, username: "api-1-demo", exp: "never" }), { kind: "inactive", position: 7 });
  const answer = parse(exampleGrant(NOW_MS), { ...HEADERS, date: "Tue, 13 Dec 2016 17:30:53 GMT" });
  assert.deepEqual(answer, {
    kind: "active",
    grant: {
      auth: {
        username: "api-1-demo",
        userId: 1,
        account: "acme",
        access: "full",
        keyId: 3,
        expiresAt: 1_481_653_853,
      },
      subject: { account: "acme", username: "api-1-demo", keyId: 3, tokenId: "3-1481653854-968668528" },
    },
    position: 7,
    serviceWallMs: 1_481_650_253_000,
  });
});

test("an answer without a position, or of another type, is none", () => {
  const position = "countersign-feed-position";
  for (const value of ["", "-1", "1.5", "01", "1e3", "7, 7", "9".repeat(16), " "]) {
    assert.equal(parse({ active: false }, { ...HEADERS, [position]: value }), undefined, value);
  }
  assert.equal(parse({ active: false }, { "content-type": "application/json" }), undefined);
  for (const type of ["text/html", "application/jsonp", "text/plain; application/json", ""]) {
    assert.equal(parse({ active: false }, { ...HEADERS, "content-type": type }), undefined, type);
  }
});

test("an answer in which a member is missing or of the wrong kind is none", () => {
  const good = exampleGrant(NOW_MS);
  const members = ["username", "account", "access", "exp", "jti", "user_id", "key_id"] as const;
  for (const member of members) {
    const wrong = [undefined, null, true, {}, [], "", " ", "a\nb", -1, 0, 1.5, 2 ** 53, "x".repeat(201)];
    for (const value of wrong) {
      assert.equal(parse({ ...good, [member]: value }), undefined, `${member}: ${JSON.stringify(value)}`);
    }
  }
  for (const active of ["true", 1, null, undefined, "false", 0]) assert.equal(parse({ ...good, active }), undefined);
  assert.equal(parse({ ...good, access: "admin" }), undefined);
  for (const text of ["", "null", "[]", "true", '{"active":true', '"active"']) assert.equal(parse(text), undefined);
});

test("any JSON is an answer or none, and a yes always says whose", () => {
  const record = fc.record(
    {
      active: fc.oneof(fc.boolean(), fc.jsonValue()),
      username: fc.oneof(fc.constant("api-1-demo"), fc.jsonValue()),
      account: fc.oneof(fc.constant("acme"), fc.jsonValue()),
      access: fc.oneof(fc.constant("full"), fc.jsonValue()),
      exp: fc.oneof(fc.constant(2e9), fc.jsonValue()),
      jti: fc.oneof(fc.constant("1-1-1"), fc.jsonValue()),
      user_id: fc.oneof(fc.constant(1), fc.jsonValue()),
      key_id: fc.oneof(fc.constant(1), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        record.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      (body) => {
        const answer = parse(body);
        if (answer?.kind !== "active") return;
        assert.equal((JSON.parse(body) as { active: unknown }).active, true);
        const { auth } = answer.grant;
        assert.ok(auth.username !== "" && auth.keyId >= 1 && (auth.access === "full" || auth.access === "read_only"));
      },
    ),
  );
});

test("a question carries the token in its body and the credentials form-urlencoded in Basic", async (t) => {
  const { verifier, fake } = await startTestVerifier(t, { clientId: "rs:1%", clientSecret: "a+b&c/d" });
  const token = exampleToken("one");
  let body = "";
  fake.answer = (exchange) => {
    body = exchange.body;
    fake.send(exchange, undefined);
  };
  await verifier.verify(token);
  const { url, method, headers } = fake.requests.find(({ url }) => url === "/oauth2/introspect") ?? {};
  assert.deepEqual([method, url], ["POST", "/oauth2/introspect"]);
  assert.equal(headers?.["content-type"], "application/x-www-form-urlencoded");
  assert.equal(body, `token=${token}`);
  const basic = Buffer.from(headers?.authorization?.replace("Basic ", "") ?? "", "base64").toString();
  assert.equal(basic, "rs%3A1%25:a%2Bb%26c%2Fd");
});

test("a service behind a prefix is asked there", async (t) => {
  const { fake } = await startTestVerifier(t);
  const other = await startTestVerifier(t, { baseUrl: `${fake.url}/auth/` });
  await other.verifier.verify(exampleToken("one"));
  await eventually("both requests", () => fake.requests.length >= 3);
  assert.deepEqual(
    new Set(fake.requests.map(({ url }) => url)),
    new Set(["/api/auth/v0/changes/", "/auth/api/auth/v0/changes/", "/auth/oauth2/introspect"]),
  );
});

for (const [what, status, headers, body, code] of [
  ["wrong credentials", 401, {}, '{"error":"invalid_client"}', "introspection_refused"],
  ["a bad request", 400, {}, '{"error":"invalid_request"}', "introspection_refused"],
  ["too many refusals", 429, { "retry-after": "7" }, "", "introspection_refused"],
  ["a fault", 500, {}, "", "introspection_refused"],
  ["a service that drains", 503, { "retry-after": "3" }, "", "introspection_refused"],
  ["a page of a proxy", 200, { "content-type": "text/html" }, "<h1>Welcome</h1>", "introspection_unexpected"],
  [
    "an answer without a position",
    200,
    { "content-type": "application/json" },
    '{"active":true}',
    "introspection_unexpected",
  ],
  ["no JSON", 200, HEADERS, "active", "introspection_unexpected"],
  ["an endless answer", 200, HEADERS, `{"active":false,"x":"${"x".repeat(1e6)}"}`, "introspection_unexpected"],
] as const) {
  test(`${what} in place of an answer decides nothing, and is reported`, async (t) => {
    const { verifier, fake, problems } = await startSyncedVerifier(t);
    fake.answer = ({ response }) => void response.writeHead(status, headers).end(body);
    const verdict = await verifier.verify(exampleToken("one"));
    const retryAfterSeconds = "retry-after" in headers ? Number(headers["retry-after"]) : 1;
    assert.deepEqual(verdict, { outcome: "undecided", retryAfterSeconds });
    assert.deepEqual([problems.length, problems[0]?.code, problems[0]?.status], [1, code, status]);
  });
}

test("a redirect isn't followed: the credentials and the token go to no other address", async (t) => {
  let strangers = 0;
  const elsewhere = createServer((_request, response) => {
    strangers++;
    response.end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  t.after(() => elsewhere.close());
  const { port } = elsewhere.address() as { port: number };
  for (const status of [301, 302, 303, 307, 308]) {
    const { verifier, fake } = await startTestVerifier(t);
    const location = `http://127.0.0.1:${port}/`;
    fake.answer = ({ response }) => void response.writeHead(status, { location }).end();
    fake.answerFeed = (_request, response) => void response.writeHead(status, { location }).end();
    assert.equal((await verifier.verify(exampleToken("one"))).outcome, "undecided");
    await eventually("the feed", () => fake.feedRequests > 0);
    await settle();
  }
  assert.equal(strangers, 0);
});

test("a service that doesn't answer in time decides nothing, and neither does one that stops in the middle", async (t) => {
  for (const begin of [false, true]) {
    const { verifier, fake, clock, problems } = await startTestVerifier(t, { timeoutMs: 1500 });
    fake.answer = ({ response }) => {
      if (begin) response.writeHead(200, HEADERS).write('{"active":');
    };
    const verdict = verifier.verify(exampleToken("one"));
    await eventually("the question", () => fake.questions.length === 1);
    await settle();
    clock.advance(1500);
    assert.deepEqual(await verdict, { outcome: "undecided", retryAfterSeconds: 1 });
    assert.ok(problems.some(({ code }) => code === "introspection_timeout"));
  }
});

test("a connection that the service had closed meanwhile costs no request its answer", async (t) => {
  const { verifier, fake, grant } = await startSyncedVerifier(t);
  let breaks = 1;
  fake.answer = (exchange, token) => {
    if (breaks-- > 0) exchange.request.socket.destroy();
    else fake.send(exchange, fake.grants.get(token));
  };
  assert.equal((await verifier.verify(grant())).outcome, "active");
});

test("a service that can't be reached decides nothing, and the report names why", async (t) => {
  const { verifier, fake, problems } = await startTestVerifier(t);
  await fake.close();
  const { verifier: lonely } = await startTestVerifier(t, {
    baseUrl: fake.url,
    onProblem: (problem) => problems.push(problem),
  });
  assert.equal((await lonely.verify(exampleToken("one"))).outcome, "undecided");
  assert.equal((await verifier.verify(exampleToken("one"))).outcome, "undecided");
  const { message } = problems.find(({ code }) => code === "introspection_unreachable") ?? {};
  assert.equal(message, "Introspection can't be reached (ECONNREFUSED).");
});

test("after refused credentials, and for the time that a 429 names, nothing is asked", async (t) => {
  for (const [status, headers, pauseMs] of [
    [401, {}, 1000],
    [429, { "retry-after": "20" }, 20_000],
    [429, { "retry-after": "99999" }, 60_000],
    [429, {}, 1000],
  ] as const) {
    const { verifier, fake, clock, grant } = await startTestVerifier(t);
    fake.answer = ({ response }) => void response.writeHead(status, headers).end();
    const token = grant();
    await verifier.verify(token);
    fake.answer = undefined;
    clock.stopProcess(pauseMs - 1);
    assert.deepEqual(await verifier.verify(token), { outcome: "undecided", retryAfterSeconds: 1 });
    assert.equal(fake.questions.length, 1);
    clock.stopProcess(1);
    assert.equal((await verifier.verify(token)).outcome, "active");
  }
});

test("a flood of different tokens has 100 questions under way at once; the others wait, but not for ever", async (t) => {
  const { verifier, fake, clock, grant } = await startTestVerifier(t);
  const held: Exchange[] = [];
  fake.answer = (exchange) => void held.push(exchange);
  const tokens = Array.from({ length: 150 }, (_, at) => grant(`flood ${at}`));
  const verdicts = tokens.map((token) => verifier.verify(token));
  await eventually("the first 100", () => held.length === QUESTIONS_MAX);
  await settle();
  assert.equal(held.length, QUESTIONS_MAX);
  for (const exchange of held.slice(0, 30)) fake.send(exchange, exampleGrant(clock.wallMs()));
  await eventually("30 of those who waited", () => held.length === QUESTIONS_MAX + 30);
  clock.advance(2000);
  const outcomes = (await Promise.all(verdicts)).map(({ outcome }) => outcome);
  assert.equal(outcomes.filter((outcome) => outcome === "active").length, 30);
  assert.equal(outcomes.filter((outcome) => outcome === "undecided").length, 120);
  // Every place was given back.
  held.length = 0;
  const later = tokens.map((token) => verifier.verify(token));
  await eventually("100 again", () => held.length === QUESTIONS_MAX);
  fake.answer = undefined;
  for (const exchange of held) fake.send(exchange, exampleGrant(clock.wallMs()));
  assert.deepEqual(new Set((await Promise.all(later)).map(({ outcome }) => outcome)), new Set(["active"]));
});

test("nothing that a problem says holds the secret", async (t) => {
  const { verifier, fake, problems } = await startSyncedVerifier(t);
  const token = exampleToken("one");
  const echo = JSON.stringify({ error: CLIENT_SECRET, error_description: token });
  fake.answer = ({ response }) => void response.writeHead(401, { "x-echo": CLIENT_SECRET }).end(echo);
  await verifier.verify(token);
  assert.equal(problems.length, 1);
  assert.ok(!JSON.stringify(problems).includes(CLIENT_SECRET) && !JSON.stringify(problems).includes(token));
});
