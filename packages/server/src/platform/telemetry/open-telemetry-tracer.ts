import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  createContextKey,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span as OpenTelemetrySpan,
  SpanKind as Kind,
  SpanStatusCode,
  trace,
  type Tracer as OpenTelemetryTracer,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { type Sampler, SamplingDecision, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";
import type { SamplerSettings, TraceSettings } from "../../config/telemetry.ts";
import {
  type RemoteParent,
  runInSpan,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type Tracer,
} from "../../core/tracer.ts";

const KINDS: Readonly<Record<SpanKind, Kind>> = {
  internal: Kind.INTERNAL,
  server: Kind.SERVER,
  client: Kind.CLIENT,
};

/** Whether the trace that begins with this context is recorded. */
const IS_RECORDED = createContextKey("countersign.recorded");

/** Records what the context says. Whether a trace is recorded is decided once, where it enters this service. */
export const decidedSampler: Sampler = {
  shouldSample: (context) => ({
    decision:
      context.getValue(IS_RECORDED) === true ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
  }),
  toString: () => "decided",
};

/** The span that code runs in, where it is in the trace, and whether it is recorded. */
interface Place {
  readonly span: OpenTelemetrySpan;
  readonly context: Context;
  readonly isRecorded: boolean;
}

/** Implements the port with an OpenTelemetry tracer whose provider has {@link decidedSampler}. */
export function createTracer(
  openTelemetry: OpenTelemetryTracer,
  { sampler, propagates }: Pick<TraceSettings, "sampler" | "propagates"> = {
    sampler: { ratio: 1, isParentBased: true },
    propagates: true,
  },
): Tracer {
  const places = new AsyncLocalStorage<Place>();
  const propagator = new W3CTraceContextPropagator();
  const decide = createDecision(sampler);

  function extract({ traceparent, tracestate, isTrusted }: RemoteParent): Context {
    // What vendors put into tracestate is free text, which an untrusted client must not get into spans.
    const headers = isTrusted && tracestate !== undefined ? { traceparent, tracestate } : { traceparent };
    return propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  }

  function open(kind: SpanKind, name: string, attributes: SpanAttributes, from: Context): Place & Span {
    const isRecorded = from.getValue(IS_RECORDED) === true;
    const span = openTelemetry.startSpan(name, { kind: KINDS[kind], ...(isRecorded && { attributes }) }, from);
    const place: Place = { span, context: trace.setSpan(from, span), isRecorded };
    return {
      ...place,
      run: (work) => places.run(place, work),
      rename(next) {
        span.updateName(next);
      },
      set(more) {
        span.setAttributes(more);
      },
      end(failure) {
        if (failure !== undefined) {
          span.setAttribute("error.type", failure.type);
          if (failure.isFault) span.setStatus({ code: SpanStatusCode.ERROR });
        }
        span.end();
      },
    };
  }

  return {
    begin(kind, name, attributes, parent) {
      const from = parent === undefined || !propagates ? ROOT_CONTEXT : extract(parent);
      return open(kind, name, attributes, from.setValue(IS_RECORDED, decide(from, parent?.isTrusted === true)));
    },
    step(name, work, attributes = {}, kind = "internal") {
      const place = places.getStore();
      if (place?.isRecorded !== true) return work();
      return runInSpan(open(kind, name, attributes, place.context), work);
    },
    currentIds() {
      const place = places.getStore();
      if (place === undefined) return undefined;
      const { traceId, spanId } = place.span.spanContext();
      return { trace_id: traceId, span_id: spanId };
    },
    contextHeaders() {
      const headers: Record<string, string> = {};
      const place = places.getStore();
      if (place !== undefined && propagates) propagator.inject(place.context, headers, defaultTextMapSetter);
      return headers;
    },
  };
}

/**
 * Decides whether a trace is recorded. A trusted sender decides if the sampler is based on the parent. For everyone else the share
 * counts, by chance and not by the trace's id, which such a sender could choose so that it is recorded.
 */
function createDecision({ ratio, isParentBased }: SamplerSettings): (from: Context, isTrusted: boolean) => boolean {
  const byTraceId = new TraceIdRatioBasedSampler(ratio);
  return (from, isTrusted) => {
    const remote = isTrusted ? trace.getSpanContext(from) : undefined;
    if (remote === undefined) return Math.random() < ratio;
    if (isParentBased) return (remote.traceFlags & 1) === 1;
    const { decision } = byTraceId.shouldSample(from, remote.traceId);
    return decision === SamplingDecision.RECORD_AND_SAMPLED;
  };
}
