/**
 * Traces and metrics by OpenTelemetry's protocol (OTLP). Loaded only where the configuration asks for it. What is traced doesn't
 * belong here, but to `compose/tracing.ts` and `http/server/request-tracing.ts`.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { TelemetrySettings } from "../../config/telemetry.ts";
import type { Telemetry } from "../../core/tracer.ts";
import type { Logger } from "../logger.ts";
import { createMetricExporter, createSpanExporter, ExporterFileError } from "./exporters.ts";
import { createMetricProducer } from "./metric-producer.ts";
import { createTracer, decidedSampler } from "./open-telemetry-tracer.ts";

/** How long the last spans and figures may take at the end of the process, in milliseconds. */
const STOP_MS_MAX = 2000;

/** No attribute of this service's is longer. */
const ATTRIBUTE_CHARACTERS_MAX = 128;

/** Begins to export. A signal whose files can't be read isn't exported, and the log says so. */
export async function openTelemetry(
  { traces, metrics, resource: attributes }: TelemetrySettings,
  version: string,
  log: Logger,
): Promise<Telemetry> {
  const resource = defaultResource().merge(
    resourceFromAttributes({
      "service.name": "countersign",
      "service.version": version,
      "service.instance.id": randomUUID(),
      ...attributes,
    }),
  );
  // Exports run in the context of a request, whose ids would appear in the line.
  const warn = AsyncLocalStorage.bind((line: object, message: string) => {
    log.warn(line, message);
  });
  const openOrReport = async <Exporter>(
    signal: string,
    open: () => Promise<Exporter>,
  ): Promise<Exporter | undefined> => {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof ExporterFileError)) throw error;
      log.error({ signal, reason: error.message }, "telemetry isn't exported: a file can't be read");
      return undefined;
    }
  };
  const stops: (() => Promise<unknown>)[] = [];

  const spanExporter = traces && (await openOrReport("traces", () => createSpanExporter(traces, warn)));
  const tracerProvider =
    traces &&
    spanExporter &&
    new TracerProvider({
      resource,
      sampler: decidedSampler,
      spanLimits: { attributeValueLengthLimit: ATTRIBUTE_CHARACTERS_MAX },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: spanExporter,
          scheduledDelayMillis: traces.batchDelayMs,
          maxExportBatchSize: traces.batchMax,
          maxQueueSize: traces.queueMax,
        }),
      ],
    });
  if (tracerProvider !== undefined) stops.push(() => tracerProvider.shutdown());
  const metricExporter = metrics && (await openOrReport("metrics", () => createMetricExporter(metrics, warn)));

  return {
    tracer: tracerProvider && createTracer(tracerProvider.getTracer("countersign", version), traces),
    exportMetrics(figures) {
      if (metrics === undefined || metricExporter === undefined) return;
      const reader = new PeriodicExportingMetricReader({
        exporter: metricExporter,
        exportIntervalMillis: metrics.intervalMs,
        metricProducers: [createMetricProducer(figures, resource, version)],
      });
      const provider = new MeterProvider({ resource, readers: [reader] });
      stops.push(() => provider.shutdown());
    },
    async stop() {
      // What can't be sent in time is lost: a receiver that is away must not keep the process from ending.
      await Promise.race([
        Promise.allSettled(stops.map((stop) => stop())),
        setTimeout(STOP_MS_MAX, undefined, { ref: false }),
      ]);
    },
  };
}
