import type { RefusalCode } from "@countersign/protocol";
import { AggregatorRegistry, collectDefaultMetrics, Counter, Histogram, Registry } from "prom-client";
import type { InactiveReason } from "../../core/check.ts";
import { OUTCOMES, type Outcome } from "../../core/webhooks/model.ts";
import { createInstruments } from "./instruments.ts";
import {
  type LateSources,
  type MeasuredView,
  type MetricSources,
  registerLateSources,
  registerSources,
  registerView,
} from "./metric-sources.ts";

/** The routes that metrics and logs distinguish. Never a path, which is the client's text. */
const ROUTES = [
  "exchange",
  "check",
  "introspection",
  "oauth_token",
  "revocation",
  "revoke_key",
  "rotate_key",
  "changes",
  "key_challenges",
  "other",
] as const;

export type Route = (typeof ROUTES)[number];

/** The routes with an endpoint of their own. */
export type EndpointRoute = Exclude<Route, "other">;

/** Metrics for Prometheus. No label holds a user, a key or anything that a client chose. */
export interface Metrics {
  tokenIssued(): void;
  tokenChecked(verdict: "active" | InactiveReason): void;
  /** Has a check of this process found an active token? */
  hasFoundActive(): boolean;
  refused(route: Route, code: RefusalCode): void;
  requestEnded(route: Route, durationMs: number): void;
  webhookAttempted(outcome: Outcome): void;
  /** Reads the figures of the webhook worker at each scrape; until then they are zero. */
  watchWebhooks(figures: LateSources["webhooks"]): void;
  /** Reads the figures of background jobs at each scrape. */
  watchJobs(figures: LateSources["jobs"]): void;
  readonly contentType: string;
  /** The figures of all serving processes, in Prometheus' text format. */
  text(): Promise<string>;
  /** This process's own figures, in a form that can be sent to another process. */
  figures(): Promise<unknown>;
  /** Its counters and histograms only. Cheap enough for a call every second. */
  counters(): Promise<unknown>;
}

/** A metric in the form in which `prom-client` exports it. */
interface Figure {
  readonly type: "counter" | "gauge" | "histogram" | "summary";
}

/** Adds up the counters and histograms among several processes' {@link Metrics.figures}, by name and labels. */
export function addUpCounters(figures: readonly unknown[]): unknown {
  const growing = figures.map((ofOne) => (ofOne as readonly Figure[]).filter(isGrowing));
  const added = AggregatorRegistry.aggregate(growing).getMetricsAsArray();
  // Drops the methods, which aggregated metrics carry beside their values.
  return JSON.parse(JSON.stringify(added));
}

const isGrowing = ({ type }: Pick<Figure, "type">) => type === "counter" || type === "histogram";

/** Collects the {@link Metrics.figures} of every serving process. */
export type GatherFigures = () => Promise<readonly unknown[]>;

/** Upper bounds in seconds. An exchange takes under a millisecond; under overload it may take a second. */
const DURATION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 5];

/** Default metrics of prom-client that are gauges with a counter's name. Each is the sum of another one over its labels. */
const MISNAMED = ["nodejs_active_resources_total", "nodejs_active_handles_total", "nodejs_active_requests_total"];

/** Refusals of which a single one is worth an alert. They are counted from zero, because an increase begins at a value. */
const FROM_ZERO = [
  "internal",
  "unavailable",
  "assertion_replayed",
  "private_key_exposed",
] as const satisfies readonly RefusalCode[];

/** @param gather where several processes serve: the figures of all of them */
export function createMetrics(
  view: MeasuredView,
  sources: MetricSources & { readonly gather?: GatherFigures | undefined } = {},
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const registers = [registry];
  const instruments = createInstruments(registry);

  // Plain variables, read when Prometheus scrapes: incrementing a labelled counter costs more than a token check.
  let issued = 0;
  let active = 0;
  instruments.counter("countersign_tokens_issued_total", "Tokens issued", () => issued);
  instruments.counter("countersign_tokens_active_total", "Token checks that found an active token", () => active);
  const inactive = new Counter({
    name: "countersign_tokens_inactive_total",
    help: "Token checks that found an inactive token, by reason",
    labelNames: ["reason"],
    registers,
  });
  const refusals = new Counter({
    name: "countersign_refusals_total",
    help: "Refused requests by route and refusal code",
    labelNames: ["route", "code"],
    registers,
  });
  for (const route of ROUTES) for (const code of FROM_ZERO) refusals.inc({ route, code }, 0);
  const durations = new Histogram({
    name: "countersign_request_duration_seconds",
    help: "Time from a request's head to the end of its answer, by route",
    labelNames: ["route"],
    buckets: DURATION_BUCKETS,
    registers,
  });
  const webhookAttempts = new Counter({
    name: "countersign_webhook_attempts_total",
    help: "Attempts to deliver an event to a webhook endpoint, by outcome",
    labelNames: ["outcome"],
    registers,
  });
  for (const outcome of OUTCOMES) webhookAttempts.inc({ outcome }, 0);
  const late: LateSources = {
    webhooks: () => ({ lagSeconds: 0, failing: 0 }),
    jobs: () => Promise.resolve(undefined),
  };
  registerView(instruments, view);
  registerSources(instruments, sources);
  registerLateSources(instruments, late);
  const { gather } = sources;

  return {
    tokenIssued() {
      issued++;
    },
    tokenChecked(verdict) {
      if (verdict === "active") active++;
      else inactive.inc({ reason: verdict });
    },
    hasFoundActive: () => active > 0,
    refused(route, code) {
      refusals.inc({ route, code });
    },
    requestEnded(route, durationMs) {
      durations.observe({ route }, durationMs / 1000);
    },
    webhookAttempted(outcome) {
      webhookAttempts.inc({ outcome });
    },
    watchWebhooks(figures) {
      late.webhooks = figures;
    },
    watchJobs(figures) {
      late.jobs = figures;
    },
    contentType: registry.contentType,
    text: async () => {
      if (gather === undefined) return registry.metrics();
      const all = await gather();
      return AggregatorRegistry.aggregate(all as object[]).metrics();
    },
    figures: () => registry.getMetricsAsJSON(),
    counters: () => {
      const metrics: readonly unknown[] = registry.getMetricsAsArray();
      const growing = metrics.filter((metric) => metric instanceof Counter || metric instanceof Histogram);
      return Promise.all(growing.map((metric) => metric.get()));
    },
  };
}
