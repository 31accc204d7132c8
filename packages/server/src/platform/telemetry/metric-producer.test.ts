import assert from "node:assert/strict";
import { test } from "node:test";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { DataPointType } from "@opentelemetry/sdk-metrics";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { createMetricProducer } from "./metric-producer.ts";

const resource = resourceFromAttributes({});

test("metrics keep their names, labels and values; a histogram's buckets are counted each for itself", async () => {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: "a_total", help: "A", labelNames: ["code"], registers }).inc({ code: "x" }, 3);
  new Gauge({ name: "b_bytes", help: "B", registers }).set(7);
  new Gauge({ name: "none", help: "Nothing", labelNames: ["l"], registers }).reset();
  const histogram = new Histogram({
    name: "c_seconds",
    help: "C",
    labelNames: ["route"],
    buckets: [0.1, 1],
    registers,
  });
  for (const seconds of [0.05, 0.5, 0.6, 10]) histogram.observe({ route: "r" }, seconds);
  histogram.observe({ route: "s" }, 0.1);
  const { resourceMetrics, errors } = await createMetricProducer(
    () => registry.getMetricsAsJSON(),
    resource,
    "1.2.3",
  ).collect();
  assert.deepEqual(errors, []);
  const [scope] = resourceMetrics.scopeMetrics;
  assert.deepEqual(
    scope?.metrics.map(({ descriptor: { name, unit, description }, dataPointType, dataPoints }) => ({
      name,
      unit,
      description,
      dataPointType,
      points: dataPoints.map(({ attributes, value }) => [attributes, value]),
    })),
    [
      {
        name: "a_total",
        unit: "",
        description: "A",
        dataPointType: DataPointType.SUM,
        points: [[{ code: "x" }, 3]],
      },
      { name: "b_bytes", unit: "By", description: "B", dataPointType: DataPointType.GAUGE, points: [[{}, 7]] },
      {
        name: "c_seconds",
        unit: "s",
        description: "C",
        dataPointType: DataPointType.HISTOGRAM,
        points: [
          [{ route: "r" }, { buckets: { boundaries: [0.1, 1], counts: [1, 2, 1] }, sum: 11.15, count: 4 }],
          [{ route: "s" }, { buckets: { boundaries: [0.1, 1], counts: [1, 0, 0] }, sum: 0.1, count: 1 }],
        ],
      },
    ],
  );
});

test("metrics that can't be read are an error of that export, and no more", async () => {
  const failing = createMetricProducer(() => Promise.reject(new Error("the store is away")), resource, "1.2.3");
  const { resourceMetrics, errors } = await failing.collect();
  assert.equal(errors.length, 1);
  assert.deepEqual(resourceMetrics.scopeMetrics, []);
});
