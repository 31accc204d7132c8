/**
 * The port by which work is traced. `platform/telemetry` implements it with OpenTelemetry, and only where that is configured:
 * without a tracer nothing is wrapped, so tracing costs nothing.
 *
 * Names and attributes are fixed texts and numbers of this service. Text from a client, names of users, ids of keys, credentials
 * and messages of errors must not become part of a span.
 */
import { Refusal } from "./refusal.ts";

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** `internal` for a step, `server` for a request that is answered, `client` for one that is sent. */
export type SpanKind = "internal" | "server" | "client";

/** The trace that a request says it belongs to (W3C Trace Context), as text from the network. */
export interface RemoteParent {
  readonly traceparent: string;
  readonly tracestate: string | undefined;
  /** Whether the sender decides if the trace is recorded. */
  readonly isTrusted: boolean;
}

/** How work failed. */
export interface Failure {
  /** A code from a closed list, or the class of an error. Never its message. */
  readonly type: string;
  /** Is it this service's fault, rather than the caller's? */
  readonly isFault: boolean;
}

/** Something that takes time. */
export interface Span {
  /** Runs work within this span, so that {@link Tracer.step} makes children of it. Doesn't end the span. */
  run<Result>(work: () => Result): Result;
  rename(name: string): void;
  set(attributes: SpanAttributes): void;
  /** Ends the span; to be called once. */
  end(failure?: Failure): void;
}

/** The ids of a trace and of a span in it, as log lines name them. */
export interface TraceIds {
  readonly trace_id: string;
  readonly span_id: string;
}

export interface Tracer {
  /** Begins work that isn't a step of other work. @param parent makes it part of another service's trace if it is well-formed */
  begin(kind: SpanKind, name: string, attributes: SpanAttributes, parent?: RemoteParent): Span;
  /** Runs a step of the current work in a span of its own, which ends with it. Outside of recorded work, only runs it. */
  step<Result>(name: string, work: () => Result, attributes?: SpanAttributes, kind?: SpanKind): Result;
  /** The current span's ids; `undefined` outside of any. */
  currentIds(): TraceIds | undefined;
  /** The headers that make another service's work part of the current trace. */
  contextHeaders(): Readonly<Record<string, string>>;
}

/** Traces a function: each call is a step. */
export function traced<Parameters extends readonly unknown[], Result>(
  tracer: Tracer,
  name: string,
  work: (...parameters: Parameters) => Result,
): (...parameters: Parameters) => Result {
  return (...parameters) => tracer.step(name, () => work(...parameters));
}

/** Runs work within a span and ends it: when the work returns or throws, or when its promise settles. */
export function runInSpan<Result>(span: Span, work: () => Result): Result {
  let result: Result;
  try {
    result = span.run(work);
  } catch (error) {
    span.end(failureOf(error));
    throw error;
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  const ended = result.then(
    (value: unknown) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      span.end(failureOf(error));
      throw error;
    },
  );
  return ended as Result;
}

/** A refusal's code, or the class of a defect. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Refusal) return refusalFailure(error.code);
  return { type: error instanceof Error ? error.name : "Error", isFault: true };
}

/** @param code of a refusal */
export function refusalFailure(code: Refusal["code"]): Failure {
  return { type: code, isFault: code === "internal" || code === "unavailable" };
}

/** The part of a running service that sends what it sees elsewhere. */
export interface Telemetry {
  /** `undefined` where only metrics are exported. */
  readonly tracer: Tracer | undefined;
  /** @param figures the metrics, in the form in which `prom-client` exports them */
  exportMetrics(figures: () => Promise<unknown>): void;
  /** Sends what is waiting, for at most two seconds. */
  stop(): Promise<void>;
}
