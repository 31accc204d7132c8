import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tracer } from "../../core/tracer.ts";
import { createLog } from "../logger.ts";
import { openTelemetry } from "./open-telemetry.ts";

test("a line about the export belongs to no trace, although a request's span caused the export", async (t) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const opened: { tracer?: Tracer } = {};
  const log = createLog("info", [], resolve, {}, () => opened.tracer?.currentIds() ?? {});
  const telemetry = await openTelemetry(
    {
      traces: {
        // Nothing listens there.
        url: "http://127.0.0.1:1/v1/traces",
        protocol: "http/json",
        headers: {},
        timeoutMs: 1,
        compression: "none",
        caFile: undefined,
        certFile: undefined,
        keyFile: undefined,
        sampler: { ratio: 1, isParentBased: true },
        propagates: true,
        batchDelayMs: 1,
        batchMax: 1,
        queueMax: 10,
      },
      metrics: undefined,
      resource: {},
      problems: [],
      secrets: [],
    },
    "1.0.0",
    log,
  );
  t.after(() => telemetry.stop());
  const tracer = telemetry.tracer ?? assert.fail("there is no tracer");
  opened.tracer = tracer;
  const span = tracer.begin("server", "GET", {});
  span.run(() => {
    span.end();
  });
  const line = JSON.parse(await promise) as Readonly<Record<string, unknown>>;
  assert.equal(line["signal"], "traces");
  assert.equal(line["trace_id"], undefined);
});
