/** Traces and metrics by OpenTelemetry's protocol, received by a receiver of this test's own. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { eventually } from "../testkit/eventually.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../testkit/otlp-receiver.ts";
import {
  createApiUser,
  startServer,
  temporaryFolder,
  type TestApiUser,
  type TestServer,
  tokenCommand,
} from "../testkit/server.ts";
import { startWebhookReceiver } from "../testkit/webhook-receiver.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`;

/** A secret that the receiver wants. */
const API_KEY = "otlp-canary-d41c7e2f90";

/** What spans may say about work. */
const ATTRIBUTES: ReadonlySet<string> = new Set([
  "http.request.method",
  "http.route",
  "http.response.status_code",
  "error.type",
  "db.system.name",
  "db.operation.name",
  "countersign.listener",
  "countersign.request_id",
  "countersign.job",
]);

const settings = (receiver: Pick<OtlpReceiver, "url">, more: Readonly<Record<string, string>> = {}) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_EXPORTER_OTLP_HEADERS: `api-key=${API_KEY}`,
  OTEL_BSP_SCHEDULE_DELAY: "50",
  OTEL_METRIC_EXPORT_INTERVAL: "250",
  ...more,
});

const check = (server: TestServer, credential: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${server.publicUrl}/api/auth/v0/check/`, { headers: { Authorization: `Token ${credential}`, ...headers } });

const logLines = (server: TestServer) =>
  server
    .stderr()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);

for (const [encoding, more] of [
  ["protobuf", { OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" }],
  ["json", { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }],
] as const) {
  describe(`with a receiver of ${encoding}`, { concurrency: 1 }, () => {
    let receiver: OtlpReceiver;
    let server: TestServer;
    let user: TestApiUser;
    let token = "";

    before(async () => {
      receiver = await startOtlpReceiver();
      server = await startServer({
        env: settings(receiver, {
          ...more,
          OTEL_SERVICE_NAME: "tokens",
          OTEL_RESOURCE_ATTRIBUTES: "team=blue",
          COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.1",
        }),
        flags: ["--log-level", "debug", "--refusal-limit", "0"],
      });
      user = await createApiUser(server, { account: "canary-account", name: "canary-user" });
      ({ token } = await server.json<{ token: string }>(...tokenCommand(server, user)));
    });

    after(async () => {
      await server?.stop();
      await receiver?.stop();
    });

    const spansOf = (name: string, count = 1) =>
      eventually(`${count} spans ${name}`, () => {
        const found = receiver.spans().filter((span) => span.name === name);
        return found.length >= count && found;
      });
    const childrenOf = ({ traceId, spanId }: ReceivedSpan) =>
      receiver
        .spans()
        .filter((span) => span.traceId === traceId && span.parentSpanId === spanId)
        .map(({ name }) => name);

    test("an exchange is a trace with its steps and the queries of the store", async () => {
      const [exchange] = await spansOf("GET /api/auth/v0/refresh/");
      assert.ok(exchange !== undefined);
      assert.equal(exchange.kind, 2);
      assert.equal(exchange.status, 0);
      const { "countersign.request_id": requestId, ...attributes } = exchange.attributes;
      assert.match(String(requestId), /^[0-9a-f]{24}$/);
      assert.deepEqual(attributes, {
        "http.request.method": "GET",
        "http.route": "/api/auth/v0/refresh/",
        "http.response.status_code": 200,
        "countersign.listener": "public",
      });
      assert.deepEqual(childrenOf(exchange), [
        "parse assertion",
        "look up keys",
        "verify signature",
        "check standing",
        "mint token",
      ]);
      const lookUp = (await spansOf("look up keys")).find(({ parentSpanId }) => parentSpanId === exchange.spanId);
      const [query] = (await spansOf("store users.loadRecord")).filter(
        ({ parentSpanId }) => parentSpanId === lookUp?.spanId,
      );
      assert.equal(query?.kind, 3);
      assert.deepEqual(query.attributes, { "db.system.name": "sqlite", "db.operation.name": "users.loadRecord" });
    });

    test("the service describes itself as the variables say, and sends the receiver's headers", async () => {
      const [span] = await spansOf("mint token");
      const { "service.instance.id": instance, "service.version": version, ...resource } = span?.resource ?? {};
      assert.equal(resource["service.name"], "tokens");
      assert.equal(resource["team"], "blue");
      assert.match(String(instance), /^[0-9a-f-]{36}$/);
      assert.equal(typeof version, "string");
      assert.ok(receiver.requests.every(({ headers }) => headers["api-key"] === API_KEY));
    });

    test("a request with a traceparent continues that trace, and its log line names the trace and the request", async () => {
      const answer = await check(server, `${token}x`, { traceparent: TRACEPARENT, tracestate: "vendor=canary-state" });
      assert.equal(answer.status, 401);
      const span = await eventually("the span", () =>
        receiver.spans().find(({ parentSpanId }) => parentSpanId === PARENT_ID),
      );
      assert.equal(span.traceId, TRACE_ID);
      assert.equal(span.traceState, "", "a client's tracestate isn't believed");
      assert.equal(span.name, "GET /api/auth/v0/check/*");
      assert.equal(span.attributes["error.type"], "token_inactive");
      assert.equal(span.status, 0, "a refusal isn't the service's fault");
      assert.deepEqual(childrenOf(span), ["check token"]);
      const line = logLines(server).find(({ trace_id: id, msg }) => id === TRACE_ID && msg === "request refused");
      assert.equal(line?.["span_id"], span.spanId);
      assert.equal(line["request_id"], span.attributes["countersign.request_id"]);
      assert.equal(line["request_id"], answer.headers.get("x-request-id"));
    });

    test("a request to the admin API has its route's template and the store's queries, also after its body", async () => {
      const { token: adminToken } = await server.json<{ token: string }>(
        "admin-token",
        "create",
        "canary-program",
        "--role",
        "admin",
      );
      const answer = await fetch(`${server.adminUrl}/api/admin/v1/accounts`, {
        method: "POST",
        headers: { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/json" },
        body: JSON.stringify({ shortname: `canary-other-${encoding}`, name: "Canary Name" }),
      });
      assert.equal(answer.status, 201, await answer.text());
      const [span] = await spansOf("POST /api/admin/v1/accounts");
      assert.ok(span !== undefined);
      assert.equal(span.attributes["countersign.listener"], "internal");
      assert.ok(childrenOf(span).includes("store transaction"), childrenOf(span).join());
      await fetch(`${server.adminUrl}/api/admin/v1/users/api-1-canary-user`, {
        headers: { Authorization: `Bearer ${adminToken}` },
      });
      await spansOf("GET /api/admin/v1/users/:username");
    });

    test("a webhook's delivery is a trace, and the receiver gets its traceparent", async () => {
      const hook = await startWebhookReceiver();
      await server.json("webhook", "create", `${hook.url}canary-path`, "--events", "account.*");
      await server.json("account", "create", `canary-third-${encoding}`);
      const [message] = await hook.waitFor(1);
      const [span] = await spansOf("deliver webhook");
      assert.ok(span !== undefined);
      assert.equal(message?.headers["traceparent"], `00-${span.traceId}-${span.spanId}-01`);
      assert.deepEqual(span.attributes, { "http.request.method": "POST", "http.response.status_code": 204 });
      await hook.close();
    });

    test("the metrics are those of Prometheus", async () => {
      await eventually("the check was counted", () => {
        const durations = receiver.metrics().find(({ name }) => name === "countersign_request_duration_seconds");
        const checks = durations?.points.find(({ attributes }) => attributes["route"] === "check");
        return (checks?.count ?? 0) > 0;
      });
      const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
      const types = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]));
      const kinds = { sum: "counter", gauge: "gauge", histogram: "histogram" };
      const metrics = receiver.metrics();
      for (const { name, kind } of metrics) assert.equal(kinds[kind], types.get(name), name);
      assert.ok(metrics.some(({ name }) => name === "countersign_tokens_issued_total"));
      const durations = metrics.find(({ name }) => name === "countersign_request_duration_seconds");
      assert.equal(durations?.unit, "s");
      for (const { count, bucketCounts = [], bounds = [] } of durations.points) {
        assert.equal(bucketCounts.length, bounds.length + 1);
        assert.equal(
          bucketCounts.reduce((sum, each) => sum + each, 0),
          count,
        );
      }
    });

    test("nothing that a client or an operator wrote is exported, and no credential is logged", async () => {
      await fetch(`${server.publicUrl}/canary-path/${token}?canary-query=1`, {
        headers: { "X-Forwarded-For": "203.0.113.77", "User-Agent": "canary-agent", Cookie: "canary-cookie" },
      });
      const assertion = "eyJhbGciOiJSUzI1NiJ9.canary-claims.canary-signature";
      for (const path of ["/api/auth/v0/refresh/", "/api/auth/v0/keys/"]) {
        await fetch(`${server.publicUrl}${path}`, { headers: { Authorization: `JWT ${assertion}` } });
      }
      await fetch(`${server.publicUrl}/oauth2/introspect`, {
        method: "POST",
        headers: { Authorization: `Basic ${Buffer.from("canary-client:canary-password").toString("base64")}` },
        body: new URLSearchParams({ token }),
      });
      await spansOf("POST /oauth2/introspect");
      const spans = receiver.spans();
      for (const { name, attributes } of spans) {
        assert.deepEqual(
          Object.keys(attributes).filter((key) => !ATTRIBUTES.has(key)),
          [],
          name,
        );
      }
      const marks = /canary|203\.0\.113|127\.0\.0\.1|eyJ|csat_|csrs_/i;
      const bodies = receiver.requests.map(({ body }) => body.toString("latin1"));
      for (const secret of [token, token.slice(0, 30), token.slice(-30)]) {
        assert.ok(
          bodies.every((body) => !body.includes(secret)),
          "a token",
        );
      }
      assert.deepEqual(
        bodies.flatMap((body) => marks.exec(body)?.[0] ?? []),
        [],
      );
      assert.ok(!server.stderr().includes(API_KEY));
    });
  });
}

test("without a variable of OpenTelemetry, a request is answered as ever and its log lines name no trace", async (t) => {
  const server = await startServer({ flags: ["--log-level", "debug"] });
  t.after(() => server.stop());
  await check(server, "no token", { traceparent: TRACEPARENT });
  const line = await eventually("the log line", () => logLines(server).find(({ msg }) => msg === "request refused"));
  assert.ok(!("trace_id" in line) && !("span_id" in line));
});

test("OpenTelemetry is loaded only where a variable asks for it", async () => {
  const hooks = join(temporaryFolder(), "no-sdk.mjs");
  writeFileSync(
    hooks,
    `import { registerHooks } from "node:module";
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier.startsWith("@opentelemetry/sdk-")) throw new Error("the SDK is loaded");
        return next(specifier, context);
      },
    });`,
  );
  const NODE_OPTIONS = `--import=${pathToFileURL(hooks).href}`;
  for (const env of [
    {},
    { OTEL_SERVICE_NAME: "tokens" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_SDK_DISABLED: "true" },
  ]) {
    const server = await startServer({ env: { NODE_OPTIONS, ...env } });
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
  }
  await assert.rejects(
    startServer({ env: { NODE_OPTIONS, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" } }),
    /the SDK is loaded/,
  );
});

test("a client can't have its requests recorded, and a trusted proxy can", async (t) => {
  const receiver = await startOtlpReceiver();
  const env = settings(receiver, { OTEL_TRACES_SAMPLER: "parentbased_always_off", OTEL_METRICS_EXPORTER: "none" });
  const [server, behindProxy] = await Promise.all([
    startServer({ env }),
    startServer({ env, flags: ["--trusted-proxies", "127.0.0.1"] }),
  ]);
  for (const each of [server, behindProxy]) await check(each, "no token", { traceparent: TRACEPARENT });
  await server.stop();
  await behindProxy.stop();
  const instances = new Set(receiver.spans().map(({ resource }) => resource["service.instance.id"]));
  assert.equal(instances.size, 1);
  assert.ok(receiver.spans().every(({ traceId }) => traceId === TRACE_ID));
  await receiver.stop();
  t.diagnostic(`${receiver.spans().length} spans`);
});

test("what is waiting is sent at the end of the process, from each worker for itself", async () => {
  const receiver = await startOtlpReceiver();
  const env = settings(receiver, { OTEL_BSP_SCHEDULE_DELAY: "600000", OTEL_METRIC_EXPORT_INTERVAL: "600000" });
  const server = await startServer({ env, flags: ["--workers", "2"] });
  await check(server, "no token");
  assert.equal(receiver.requests.length, 0);
  assert.deepEqual(await server.stop(), { status: 0, signal: null });
  assert.equal(receiver.spans().filter(({ kind }) => kind === 2).length, 1);
  const figures = receiver.requests.filter(({ path }) => path === "/v1/metrics");
  assert.equal(figures.length, 2, "one of each worker");
  await receiver.stop();
});

describe("a receiver that", () => {
  const hang = () => undefined;
  const refuse = (response: ServerResponse) => response.writeHead(401, "canary-status").end("canary-body".repeat(1000));
  const garbage = (response: ServerResponse) => response.end(Buffer.alloc(100_000, 0xff));
  const redirect = (response: ServerResponse) => response.writeHead(307, { Location: "http://127.0.0.1:1/" }).end();
  const cut = (response: ServerResponse) => response.socket?.destroy();

  /** Shorter than the pause before a second attempt, so that an export ends with its first. */
  const ONE_ATTEMPT_MS = 700;
  const LONG_MS = 60_000;
  for (const [does, answer, timeoutMs, reason] of [
    ["isn't there", undefined, ONE_ATTEMPT_MS, "ECONNREFUSED"],
    ["never answers", hang, 100, "no usable answer in time"],
    ["refuses", refuse, LONG_MS, "the receiver answered 401"],
    ["redirects", redirect, LONG_MS, "the receiver answered 307"],
    ["cuts connections off", cut, ONE_ATTEMPT_MS, "ECONNRESET"],
    ["answers nonsense", garbage, LONG_MS, undefined],
  ] as const) {
    test(`${does} delays no request and no end, and is reported once for each signal`, async () => {
      const receiver = await startOtlpReceiver(answer);
      if (answer === undefined) await receiver.stop();
      const timeout = { OTEL_EXPORTER_OTLP_TIMEOUT: String(timeoutMs) };
      const server = await startServer({ env: settings(receiver, timeout) });
      const reports = () => logLines(server).filter(({ msg }) => String(msg).startsWith("telemetry can't be exported"));
      for (let round = 0; round < 3; round++) {
        const sent = receiver.requests.length;
        for (let at = 0; at < 20; at++) assert.equal((await check(server, "no token")).status, 401);
        if (answer !== undefined) await eventually("another export", () => receiver.requests.length > sent);
      }
      if (reason !== undefined) {
        const both = await eventually("both signals are reported", () => reports().length >= 2 && reports());
        assert.deepEqual(both.map(({ signal, reason: why }) => `${String(signal)}: ${String(why)}`).toSorted(), [
          `metrics: ${reason}`,
          `traces: ${reason}`,
        ]);
      }
      assert.deepEqual(await server.stop(), { status: 0, signal: null });
      assert.equal(reports().length, reason === undefined ? 0 : 2);
      assert.ok(!server.stderr().includes("canary"));
      if (answer !== undefined) await receiver.stop();
    });
  }
});

test("a value that can't be used is one line at the start, without the value, and the service serves", async (t) => {
  const server = await startServer({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: "collector-canary:4318",
      OTEL_TRACES_SAMPLER: "sampler-canary",
      OTEL_EXPORTER_OTLP_HEADERS: "headers canary",
    },
  });
  t.after(() => server.stop());
  assert.equal((await check(server, "no token")).status, 401);
  const warnings = logLines(server).filter(({ level }) => level === "warn");
  assert.deepEqual(
    warnings.map(({ msg }) => String(msg)),
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT: isn't a URL with http:// or https://; nothing is exported",
      "OTEL_EXPORTER_OTLP_HEADERS: isn't a list of key=value, separated by commas; nothing is exported",
    ],
  );
  assert.ok(!server.stderr().includes("canary"));
});

test("a file that can't be read switches its signal off, and the log says so", async (t) => {
  const receiver = await startOtlpReceiver();
  t.after(() => receiver.stop());
  const server = await startServer({
    env: settings(receiver, { OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: "/nowhere/canary.pem" }),
  });
  t.after(() => server.stop());
  await check(server, "no token");
  await eventually("metrics arrive", () => receiver.metrics().length > 0);
  const line = logLines(server).find(({ level }) => level === "error");
  assert.deepEqual([line?.["signal"], line?.["reason"]], ["traces", "the authorities: ENOENT"]);
  assert.equal(receiver.spans().length, 0);
});
