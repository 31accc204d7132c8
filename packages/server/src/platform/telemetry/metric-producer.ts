import { type HrTime, ValueType } from "@opentelemetry/api";
import { hrTime, millisToHrTime } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";

/** A metric as `prom-client` exports it. */
interface Figure {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly FigureValue[];
}

interface FigureValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Which part of a histogram this is. */
  readonly metricName?: string;
}

/**
 * Hands the metrics for Prometheus on to OpenTelemetry, so that nothing is counted twice. Names, labels and values are the same;
 * counters and histograms are cumulative since the process started.
 *
 * @param figures the metrics, in the form in which `prom-client` exports them
 */
export function createMetricProducer(
  figures: () => Promise<unknown>,
  resource: Resource,
  version: string,
): MetricProducer {
  const startTime = millisToHrTime(performance.timeOrigin);
  return {
    async collect() {
      try {
        const read = (await figures()) as readonly Figure[];
        const endTime = hrTime();
        const metrics = read.flatMap((figure) => metricOf(figure, startTime, endTime) ?? []);
        return {
          resourceMetrics: { resource, scopeMetrics: [{ scope: { name: "countersign", version }, metrics }] },
          errors: [],
        };
      } catch (error) {
        return { resourceMetrics: { resource, scopeMetrics: [] }, errors: [error] };
      }
    },
  };
}

function metricOf(figure: Figure, startTime: HrTime, endTime: HrTime): MetricData | undefined {
  const { name, help, type, values } = figure;
  if (values.length === 0) return undefined;
  const descriptor = { name, description: help, unit: unitOf(name), valueType: ValueType.DOUBLE };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  const common = { descriptor, aggregationTemporality };
  const points = () =>
    values.map(({ value, labels }): DataPoint<number> => ({ startTime, endTime, attributes: { ...labels }, value }));
  switch (type) {
    case "counter":
      return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() };
    case "gauge":
      return { ...common, dataPointType: DataPointType.GAUGE, dataPoints: points() };
    case "histogram":
      return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(values, startTime, endTime) };
    default:
      return undefined;
  }
}

/** The unit in UCUM, by the end of the name. */
function unitOf(name: string): string {
  if (/_seconds(?:_total)?$/.test(name)) return "s";
  return /_bytes(?:_total)?$/.test(name) ? "By" : "";
}

/** Prometheus counts what is at most a bound; OpenTelemetry counts what is between two. */
function histograms(values: readonly FigureValue[], startTime: HrTime, endTime: HrTime): DataPoint<Histogram>[] {
  const byLabels = Map.groupBy(values, ({ labels: { le: _bound, ...labels } }) => JSON.stringify(labels));
  return [...byLabels].map(([labels, parts]) => {
    const buckets = parts.filter(({ labels: { le } }) => le !== undefined);
    const part = (end: string) => parts.find(({ metricName }) => metricName?.endsWith(end) === true)?.value ?? 0;
    const value: Histogram = {
      buckets: {
        boundaries: buckets.map(({ labels: { le } }) => Number(le)).filter(Number.isFinite),
        counts: buckets.map(({ value: upTo }, at) => upTo - (buckets[at - 1]?.value ?? 0)),
      },
      sum: part("_sum"),
      count: part("_count"),
    };
    return { startTime, endTime, attributes: JSON.parse(labels) as Record<string, string>, value };
  });
}
