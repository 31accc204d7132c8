import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { Refusal } from "../../core/refusal.ts";
import type { RemoteParent, Tracer } from "../../core/tracer.ts";
import { createTracer, decidedSampler } from "./open-telemetry-tracer.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const parent = (flags: string, isTrusted: boolean, tracestate?: string): RemoteParent => ({
  traceparent: `00-${TRACE_ID}-${PARENT_ID}-${flags}`,
  tracestate,
  isTrusted,
});

function openTracer(ratio = 1, isParentBased = true, propagates = true) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    sampler: decidedSampler,
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const tracer = createTracer(provider.getTracer("test"), { sampler: { ratio, isParentBased }, propagates });
  return { tracer, spans: () => exporter.getFinishedSpans() };
}

/** Begins and ends a request. @returns the context that it would send on */
function request(tracer: Tracer, from?: RemoteParent): Readonly<Record<string, string>> {
  const span = tracer.begin("server", "GET", {}, from);
  const headers = span.run(() => tracer.contextHeaders());
  span.end();
  return headers;
}

describe("a trace", () => {
  test("has a span for each step, also for one that ends later, and none outside of a request", async () => {
    const { tracer, spans } = openTracer();
    assert.equal(
      tracer.step("alone", () => 7),
      7,
    );
    assert.equal(tracer.currentIds(), undefined);
    const span = tracer.begin("server", "GET", { "http.request.method": "GET" });
    await span.run(() =>
      tracer.step("outer", async () => tracer.step("inner", async () => "done", { rows: 2 }, "client")),
    );
    span.end();
    const [inner, outer, server] = spans();
    assert.deepEqual([inner?.name, outer?.name, server?.name], ["inner", "outer", "GET"]);
    assert.equal(inner?.parentSpanContext?.spanId, outer?.spanContext().spanId);
    assert.equal(outer?.parentSpanContext?.spanId, server?.spanContext().spanId);
    assert.deepEqual(inner?.attributes, { rows: 2 });
  });

  test("shows how a step failed by a code or a class, and never by a message", async () => {
    const { tracer, spans } = openTracer();
    const span = tracer.begin("server", "GET", {});
    await span.run(async () => {
      const fail = (error: Error) => () => {
        throw error;
      };
      assert.throws(() => tracer.step("refused", fail(new Refusal("assertion_rejected", "of a-secret"))));
      assert.throws(() => tracer.step("defect", fail(new TypeError("of a-secret"))));
      await assert.rejects(tracer.step("late", () => Promise.reject(new Refusal("unavailable", "of a-secret"))));
    });
    span.end();
    assert.deepEqual(
      spans().map(({ name, attributes, status }) => [name, attributes["error.type"], status.code]),
      [
        ["refused", "assertion_rejected", 0],
        ["defect", "TypeError", 2],
        ["late", "unavailable", 2],
        ["GET", undefined, 0],
      ],
    );
    const all = spans().map(({ name, attributes, status, events }) => [name, attributes, status, events]);
    assert.ok(!JSON.stringify(all).includes("a-secret"));
  });
});

describe("a request's traceparent", () => {
  test("makes it part of that trace, whoever sends it", () => {
    for (const isTrusted of [true, false]) {
      const { tracer, spans } = openTracer();
      const { traceparent } = request(tracer, parent("01", isTrusted));
      const [span] = spans();
      assert.equal(span?.spanContext().traceId, TRACE_ID);
      assert.equal(span.parentSpanContext?.spanId, PARENT_ID);
      assert.equal(traceparent, `00-${TRACE_ID}-${span.spanContext().spanId}-01`);
    }
  });

  test("decides about recording if a trusted proxy sends it", () => {
    for (const [flags, ratio, recorded] of [
      ["01", 0, 1],
      ["00", 1, 0],
    ] as const) {
      const { tracer, spans } = openTracer(ratio);
      request(tracer, parent(flags, true));
      assert.equal(spans().length, recorded, `${flags} at ${ratio}`);
    }
  });

  test("doesn't decide about recording if a client sends it, whatever its flags and ids are", () => {
    for (const [flags, ratio, recorded] of [
      ["01", 0, 0],
      ["00", 1, 1],
    ] as const) {
      const { tracer, spans } = openTracer(ratio);
      const headers = request(tracer, parent(flags, false));
      assert.equal(spans().length, recorded, `${flags} at ${ratio}`);
      assert.match(headers["traceparent"] ?? "", recorded === 1 ? /-01$/ : /-00$/);
    }
    // A trace id below any share of the id space would be recorded by a sampler that goes by the id.
    const { tracer, spans } = openTracer(0.000_000_1, false);
    request(tracer, { ...parent("01", false), traceparent: `00-${"0".repeat(31)}1-${PARENT_ID}-01` });
    assert.equal(spans().length, 0);
  });

  test("brings its tracestate along only from a trusted proxy", () => {
    for (const isTrusted of [true, false]) {
      const { tracer, spans } = openTracer();
      const headers = request(tracer, parent("01", isTrusted, "vendor=value"));
      assert.equal(spans()[0]?.spanContext().traceState?.serialize(), isTrusted ? "vendor=value" : undefined);
      assert.equal(headers["tracestate"], isTrusted ? "vendor=value" : undefined);
    }
  });

  test("is ignored if it is malformed (W3C Trace Context, 3.2)", () => {
    const good = `00-${TRACE_ID}-${PARENT_ID}-01`;
    for (const traceparent of [
      "",
      "00",
      good.toUpperCase(),
      good.slice(0, -1),
      `${good}-more`,
      `${good}, ${good}`,
      `ff${good.slice(2)}`,
      `00-${"0".repeat(32)}-${PARENT_ID}-01`,
      `00-${TRACE_ID}-${"0".repeat(16)}-01`,
      `00-${TRACE_ID}-${PARENT_ID}-zz`,
      `${good}\u0000`,
      "x".repeat(16_000),
    ]) {
      for (const isTrusted of [true, false]) {
        const { tracer, spans } = openTracer();
        request(tracer, { traceparent, tracestate: "=,".repeat(8000), isTrusted });
        const [span] = spans();
        assert.notEqual(span?.spanContext().traceId, TRACE_ID, traceparent.slice(0, 80));
        assert.equal(span?.parentSpanContext, undefined);
      }
    }
    // A later version may have more fields after those of version 00.
    const { tracer, spans } = openTracer();
    request(tracer, { ...parent("01", false), traceparent: `01-${TRACE_ID}-${PARENT_ID}-01-more` });
    assert.equal(spans()[0]?.spanContext().traceId, TRACE_ID);
  });

  test("is neither read nor sent without the propagator", () => {
    const { tracer, spans } = openTracer(1, true, false);
    assert.deepEqual(request(tracer, parent("01", true)), {});
    assert.notEqual(spans()[0]?.spanContext().traceId, TRACE_ID);
  });

  test("without a recorded trace, steps cost no span, and log lines still name the trace", () => {
    const { tracer, spans } = openTracer(0);
    const span = tracer.begin("server", "GET", {}, parent("00", true));
    span.run(() => {
      tracer.step("a step", () => undefined);
      assert.equal(tracer.currentIds()?.trace_id, TRACE_ID);
    });
    span.end();
    assert.equal(spans().length, 0);
  });
});
