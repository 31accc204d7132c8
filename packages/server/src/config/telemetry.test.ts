import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseTelemetry, type TelemetrySettings } from "./telemetry.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

function parse(environment: Readonly<Record<string, string>>): TelemetrySettings {
  const settings = parseTelemetry(environment);
  assert.ok(settings !== undefined);
  return settings;
}

describe("OpenTelemetry's variables", () => {
  test("ask for nothing unless an endpoint or an exporter is named, or if the SDK is disabled", () => {
    assert.equal(parseTelemetry({}), undefined);
    assert.equal(parseTelemetry({ OTEL_SERVICE_NAME: "x", OTEL_TRACES_SAMPLER: "nonsense" }), undefined);
    assert.equal(parseTelemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: "" }), undefined);
    assert.equal(parseTelemetry({ ...ENDPOINT, OTEL_SDK_DISABLED: "TRUE" }), undefined);
    assert.equal(
      parseTelemetry({ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" }),
      undefined,
    );
  });

  test("have the standard's defaults", () => {
    const { traces, metrics, resource, problems, secrets } = parse(ENDPOINT);
    assert.deepEqual(traces, {
      url: "http://collector:4318/v1/traces",
      protocol: "http/protobuf",
      headers: {},
      timeoutMs: 10_000,
      compression: "none",
      caFile: undefined,
      certFile: undefined,
      keyFile: undefined,
      sampler: { ratio: 1, isParentBased: true },
      propagates: true,
      batchDelayMs: 5000,
      batchMax: 512,
      queueMax: 2048,
    });
    assert.equal(metrics?.url, "http://collector:4318/v1/metrics");
    assert.equal(metrics?.intervalMs, 60_000);
    assert.deepEqual({ resource, problems, secrets }, { resource: {}, problems: [], secrets: [] });
  });

  test("export one signal if only its endpoint is given, to exactly that URL", () => {
    const { traces, metrics } = parse({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector/in?tenant=1" });
    assert.equal(traces?.url, "https://collector/in?tenant=1");
    assert.equal(metrics, undefined);
  });

  test("name the default receiver by an exporter alone", () => {
    const { traces, metrics } = parse({ OTEL_METRICS_EXPORTER: "otlp" });
    assert.equal(traces, undefined);
    assert.equal(metrics?.url, "http://localhost:4318/v1/metrics");
  });

  test("keep the endpoint's path, and a signal's own variable wins", () => {
    const { traces, metrics } = parse({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector/otlp/",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "2000",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=one%20two, X-Other=3",
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: "API-Key=four",
    });
    assert.equal(traces?.url, "http://collector/otlp/v1/traces");
    assert.deepEqual([traces?.protocol, metrics?.protocol], ["http/protobuf", "http/json"]);
    assert.deepEqual([traces?.timeoutMs, metrics?.timeoutMs], [1000, 2000]);
    assert.deepEqual(traces?.headers, { "api-key": "one two", "x-other": "3" });
    assert.deepEqual(metrics?.headers, { "api-key": "four", "x-other": "3" });
  });

  test("give what must not be logged: headers, and an endpoint's password", () => {
    const { secrets } = parse({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://tenant:pass%20word@collector",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Basic%20c2VjcmV0",
    });
    for (const secret of ["Basic c2VjcmV0", "pass word", "pass%20word"]) assert.ok(secrets.includes(secret), secret);
  });

  test("describe the service; OTEL_SERVICE_NAME wins over OTEL_RESOURCE_ATTRIBUTES", () => {
    const attributes = "service.name=other,deployment.environment.name=test%2Cblue";
    assert.deepEqual(
      parse({ ...ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: "tokens" }).resource,
      {
        "service.name": "tokens",
        "deployment.environment.name": "test,blue",
      },
    );
  });

  for (const [sampler, argument, expected] of [
    ["always_on", undefined, { ratio: 1, isParentBased: false }],
    ["always_off", undefined, { ratio: 0, isParentBased: false }],
    ["traceidratio", "0.25", { ratio: 0.25, isParentBased: false }],
    ["parentbased_always_off", undefined, { ratio: 0, isParentBased: true }],
    ["parentbased_traceidratio", "0", { ratio: 0, isParentBased: true }],
    ["parentbased_traceidratio", undefined, { ratio: 1, isParentBased: true }],
  ] as const) {
    test(`choose the sampler ${sampler} ${argument ?? ""}`, () => {
      const { traces, problems } = parse({
        ...ENDPOINT,
        OTEL_TRACES_SAMPLER: sampler,
        ...(argument !== undefined && { OTEL_TRACES_SAMPLER_ARG: argument }),
      });
      assert.deepEqual(traces?.sampler, expected);
      assert.deepEqual(problems, []);
    });
  }

  for (const [name, value, problem, isExported] of [
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", /^OTEL_EXPORTER_OTLP_ENDPOINT: isn't a URL/, false],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:100%@collector:4318", /isn't a URL with http/, false],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector:4317", /isn't a URL with http/, false],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "::::", /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: isn't a URL/, false],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a b=c-secret", /^OTEL_EXPORTER_OTLP_HEADERS: isn't a list/, false],
    ["OTEL_EXPORTER_OTLP_HEADERS", "key=%0d%0aInjected: c-secret", /isn't a list/, false],
    ["OTEL_EXPORTER_OTLP_HEADERS", "key=%zz", /isn't a list/, false],
    ["OTEL_EXPORTER_OTLP_CLIENT_KEY", "/c-secret.pem", /needs both a certificate and its key/, false],
    ["OTEL_TRACES_EXPORTER", "zipkin", /^OTEL_TRACES_EXPORTER: only otlp and none/, false],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", /only http\/protobuf and http\/json are supported; http\/protobuf/, true],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", /only none and gzip/, true],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "-1", /isn't a number from 1 to 600000; 10000 is used/, true],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s", /isn't a number/, true],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "1e9", /isn't a number from 1 to 65536/, true],
    ["OTEL_TRACES_SAMPLER", "xray", /parentbased_always_on is used/, true],
    ["OTEL_TRACES_SAMPLER", "__proto__", /parentbased_always_on is used/, true],
    ["OTEL_PROPAGATORS", "b3", /only tracecontext is supported/, true],
    ["OTEL_RESOURCE_ATTRIBUTES", "no pairs", /it is ignored/, true],
    ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta", /only cumulative/, true],
  ] as const) {
    test(`report ${name}=${value} without its value, and don't stop the start`, () => {
      const { traces, problems } = parse({ ...ENDPOINT, [name]: value });
      assert.ok(
        problems.some((line) => problem.test(line)),
        problems.join(),
      );
      assert.ok(problems.every((line) => line.startsWith(`${name}: `) && !line.includes("c-secret")));
      assert.equal(traces !== undefined, isExported);
    });
  }

  test("check the argument of the sampler that uses it", () => {
    const { traces, problems } = parse({
      ...ENDPOINT,
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "2",
    });
    assert.equal(traces?.sampler.ratio, 1);
    assert.match(problems.join(), /^OTEL_TRACES_SAMPLER_ARG: isn't a number from 0 to 1; 1 is used$/);
  });
});
