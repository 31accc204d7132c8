/**
 * OpenTelemetry's own variables. They are a standard that a whole machine or cluster may set for every program on it, so a value that
 * this service can't use is reported and doesn't stop the start, as the standard demands. No value is printed: headers hold
 * credentials, and so can URLs.
 */
import { validateHeaderName, validateHeaderValue } from "node:http";

/** Where a signal goes, and how. */
export interface SignalSettings {
  /** The whole URL, such as `http://collector:4318/v1/traces`. */
  readonly url: string;
  readonly protocol: "http/protobuf" | "http/json";
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: "none" | "gzip";
  /** Files in PEM: the authorities of the receiver's certificate, and this service's own certificate and key. */
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** Which traces are recorded. */
export interface SamplerSettings {
  /** The share of traces that begin here, from 0 to 1. */
  readonly ratio: number;
  /** Whether a trusted sender's decision counts. */
  readonly isParentBased: boolean;
}

export interface TraceSettings extends SignalSettings {
  readonly sampler: SamplerSettings;
  /** Whether `traceparent` is read and sent. */
  readonly propagates: boolean;
  readonly batchDelayMs: number;
  readonly batchMax: number;
  readonly queueMax: number;
}

export interface MetricSettings extends SignalSettings {
  readonly intervalMs: number;
}

export interface TelemetrySettings {
  readonly traces: TraceSettings | undefined;
  readonly metrics: MetricSettings | undefined;
  /** Attributes of this service, such as `service.name`. */
  readonly resource: Readonly<Record<string, string>>;
  /** One line for each variable that can't be used. */
  readonly problems: readonly string[];
  /** What must not appear in the log. */
  readonly secrets: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;
type Signal = "TRACES" | "METRICS";

/** Where OTLP over HTTP goes unless an endpoint is given. */
const DEFAULT_ENDPOINT = "http://localhost:4318";
const TIMEOUT_MS = 10_000;
const INTERVAL_MS = 60_000;

const SAMPLERS: ReadonlyMap<string, "on" | "off" | "ratio"> = new Map([
  ["always_on", "on"],
  ["always_off", "off"],
  ["traceidratio", "ratio"],
]);

/**
 * What the variables ask for; `undefined` if nothing, or if `OTEL_SDK_DISABLED` is true. A signal is exported if an endpoint for it is
 * given, or if `OTEL_TRACES_EXPORTER` or `OTEL_METRICS_EXPORTER` is `otlp`.
 */
export function parseTelemetry(environment: Environment): TelemetrySettings | undefined {
  if (textOf(environment, "OTEL_SDK_DISABLED")?.toLowerCase() === "true") return undefined;
  const isWanted = (signal: Signal) =>
    [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, "OTEL_EXPORTER_OTLP_ENDPOINT", `OTEL_${signal}_EXPORTER`].some(
      (name) => textOf(environment, name) !== undefined,
    );
  if (!isWanted("TRACES") && !isWanted("METRICS")) return undefined;
  const reader = createReader(environment);
  const traces = isWanted("TRACES") ? parseTraces(reader) : undefined;
  const metrics = isWanted("METRICS") ? parseMetrics(reader) : undefined;
  const resource = parseResource(reader);
  const { problems } = reader;
  if (traces === undefined && metrics === undefined && problems.length === 0) return undefined;
  return { traces, metrics, resource, problems, secrets: [traces, metrics].flatMap((signal) => secretsOf(signal)) };
}

function secretsOf(signal: SignalSettings | undefined): readonly string[] {
  if (signal === undefined) return [];
  const { username, password } = new URL(signal.url);
  // Too short a value would be found in words.
  return [...Object.values(signal.headers), decodeURIComponent(password), password, username].filter(
    (text) => text.length >= 4,
  );
}

/** An empty variable counts as missing. */
function textOf(environment: Environment, name: string): string | undefined {
  const text = environment[name]?.trim();
  return text === "" ? undefined : text;
}

/** Reads variables, and collects what is wrong with them. */
interface Reader {
  readonly problems: string[];
  text(name: string): string | undefined;
  /** The signal's own variable, or the one for all signals. */
  of(signal: Signal, name: string): { readonly name: string; readonly text: string } | undefined;
  report(name: string, problem: string): undefined;
  /** @param otherwise what is used for a missing value, and for one out of bounds */
  number(name: string, text: string | undefined, bounds: readonly [number, number], otherwise: number): number;
}

function createReader(environment: Environment): Reader {
  const problems: string[] = [];
  const report = (name: string, problem: string) => {
    const line = `${name}: ${problem}`;
    if (!problems.includes(line)) problems.push(line);
    return undefined;
  };
  return {
    problems,
    report,
    text: (name) => textOf(environment, name),
    of(signal, name) {
      for (const variable of [`OTEL_EXPORTER_OTLP_${signal}_${name}`, `OTEL_EXPORTER_OTLP_${name}`]) {
        const text = textOf(environment, variable);
        if (text !== undefined) return { name: variable, text };
      }
      return undefined;
    },
    number(name, text, [min, max], otherwise) {
      if (text === undefined) return otherwise;
      const value = /^[0-9]{1,10}(?:\.[0-9]{1,10})?$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      report(name, `isn't a number from ${min} to ${max}; ${otherwise} is used`);
      return otherwise;
    },
  };
}

function parseTraces(reader: Reader): TraceSettings | undefined {
  const signal = parseSignal(reader, "TRACES");
  if (signal === undefined) return undefined;
  const batch = (name: string, bounds: readonly [number, number], otherwise: number) =>
    reader.number(`OTEL_BSP_${name}`, reader.text(`OTEL_BSP_${name}`), bounds, otherwise);
  const queueMax = Math.floor(batch("MAX_QUEUE_SIZE", [1, 65_536], 2048));
  return {
    ...signal,
    sampler: parseSampler(reader),
    propagates: parsePropagators(reader),
    batchDelayMs: batch("SCHEDULE_DELAY", [1, 600_000], 5000),
    batchMax: Math.min(queueMax, Math.floor(batch("MAX_EXPORT_BATCH_SIZE", [1, 65_536], 512))),
    queueMax,
  };
}

function parseMetrics(reader: Reader): MetricSettings | undefined {
  const signal = parseSignal(reader, "METRICS");
  if (signal === undefined) return undefined;
  const preference = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
  if ((reader.text(preference) ?? "cumulative").toLowerCase() !== "cumulative") {
    reader.report(preference, "only cumulative is supported, and is used");
  }
  const interval = "OTEL_METRIC_EXPORT_INTERVAL";
  return { ...signal, intervalMs: reader.number(interval, reader.text(interval), [1, 86_400_000], INTERVAL_MS) };
}

function parseSignal(reader: Reader, signal: Signal): SignalSettings | undefined {
  const exporter = reader.text(`OTEL_${signal}_EXPORTER`) ?? "otlp";
  if (exporter === "none") return undefined;
  if (exporter !== "otlp") {
    return reader.report(`OTEL_${signal}_EXPORTER`, "only otlp and none are supported; nothing is exported");
  }
  const url = parseUrl(reader, signal);
  const headers = parseHeaders(reader, signal);
  if (url === undefined || headers === undefined) return undefined;
  const timeout = reader.of(signal, "TIMEOUT");
  const cert = reader.of(signal, "CLIENT_CERTIFICATE");
  const key = reader.of(signal, "CLIENT_KEY");
  if ((cert === undefined) !== (key === undefined)) {
    const present = cert ?? key;
    return reader.report(present?.name ?? "", "needs both a certificate and its key; nothing is exported");
  }
  return {
    url,
    headers,
    protocol: parseChoice(reader, signal, "PROTOCOL", ["http/protobuf", "http/json"]),
    compression: parseChoice(reader, signal, "COMPRESSION", ["none", "gzip"]),
    timeoutMs: reader.number(timeout?.name ?? "", timeout?.text, [1, 600_000], TIMEOUT_MS),
    caFile: reader.of(signal, "CERTIFICATE")?.text,
    certFile: cert?.text,
    keyFile: key?.text,
  };
}

/** @param choices the first is used otherwise */
function parseChoice<Choice extends string>(
  reader: Reader,
  signal: Signal,
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const given = reader.of(signal, name);
  const [otherwise] = choices;
  if (given === undefined) return otherwise;
  const choice = choices.find((each) => each === given.text);
  if (choice === undefined)
    reader.report(given.name, `only ${choices.join(" and ")} are supported; ${otherwise} is used`);
  return choice ?? otherwise;
}

function parseUrl(reader: Reader, signal: Signal): string | undefined {
  const own = reader.text(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
  const shared = reader.text("OTEL_EXPORTER_OTLP_ENDPOINT") ?? DEFAULT_ENDPOINT;
  const name = own === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`;
  const url = URL.canParse(own ?? shared) ? new URL(own ?? shared) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.hash !== "" || !isUserDecodable(url)) {
    return reader.report(name, "isn't a URL with http:// or https://; nothing is exported");
  }
  if (own === undefined) url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${signal.toLowerCase()}`;
  return url.href;
}

/** Is a percent sign in user or password encoded itself? */
function isUserDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}

/** `key=value,key=value`, each percent-encoded. The own variable's headers are added to the shared ones. */
function parseHeaders(reader: Reader, signal: Signal): Readonly<Record<string, string>> | undefined {
  const headers = new Map<string, string>();
  for (const name of ["OTEL_EXPORTER_OTLP_HEADERS", `OTEL_EXPORTER_OTLP_${signal}_HEADERS`]) {
    const pairs = parsePairs(reader.text(name) ?? "");
    if (pairs === undefined || !pairs.every(isHeader)) {
      return reader.report(name, "isn't a list of key=value, separated by commas; nothing is exported");
    }
    for (const [key, value] of pairs) headers.set(key.toLowerCase(), value);
  }
  return Object.fromEntries(headers);
}

function isHeader([name, value]: readonly [string, string]): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** `undefined` if it isn't such a list. */
function parsePairs(text: string): readonly (readonly [string, string])[] | undefined {
  const pairs: (readonly [string, string])[] = [];
  for (const part of text.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    const [, key, value] = /^([^=\s]+)\s*=(.*)$/s.exec(part) ?? [];
    if (key === undefined || value === undefined) return undefined;
    try {
      pairs.push([decodeURIComponent(key), decodeURIComponent(value.trim())]);
    } catch {
      return undefined;
    }
  }
  return pairs;
}

function parseSampler(reader: Reader): SamplerSettings {
  const name = "OTEL_TRACES_SAMPLER";
  const given = reader.text(name) ?? "parentbased_always_on";
  const isParentBased = given.startsWith("parentbased_");
  const kind = SAMPLERS.get(isParentBased ? given.slice("parentbased_".length) : given);
  if (kind === undefined) {
    const names = [...SAMPLERS.keys()].join(", ");
    reader.report(name, `only ${names}, and these with parentbased_, are supported; parentbased_always_on is used`);
    return { ratio: 1, isParentBased: true };
  }
  const argument = "OTEL_TRACES_SAMPLER_ARG";
  const ratio = kind === "ratio" ? reader.number(argument, reader.text(argument), [0, 1], 1) : kind === "on" ? 1 : 0;
  return { ratio, isParentBased };
}

/** Baggage is accepted, because it is part of the default, and neither read nor sent. */
function parsePropagators(reader: Reader): boolean {
  const given = (reader.text("OTEL_PROPAGATORS") ?? "tracecontext,baggage").split(",").map((each) => each.trim());
  if (!given.every((each) => ["tracecontext", "baggage", "none"].includes(each))) {
    reader.report("OTEL_PROPAGATORS", "only tracecontext is supported; the others are ignored");
  }
  return given.includes("tracecontext");
}

function parseResource(reader: Reader): Readonly<Record<string, string>> {
  const name = "OTEL_RESOURCE_ATTRIBUTES";
  const pairs = parsePairs(reader.text(name) ?? "");
  if (pairs === undefined) reader.report(name, "isn't a list of key=value, separated by commas; it is ignored");
  const service = reader.text("OTEL_SERVICE_NAME");
  return { ...Object.fromEntries(pairs ?? []), ...(service !== undefined && { "service.name": service }) };
}
