import type { RefusalCode } from "@countersign/protocol";
import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { InactiveReason } from "../../core/check.ts";
import type { ClockWatch } from "../../core/clock/clock-watch.ts";
import type { FeedFollower } from "../../core/feed/follow-feed.ts";
import type { RegistryView } from "../../core/view/view.ts";
import type { ConnectionFigures } from "./connections.ts";

/** The routes that metrics and logs tell apart. Never a path: a path is the client's text. */
export type Route = "exchange" | "check" | "introspection" | "oauth_token" | "revocation" | "changes" | "other";

/** Figures for Prometheus. No label ever holds a user, a key or anything that a client chose. */
export interface Metrics {
  tokenIssued(): void;
  tokenChecked(verdict: "active" | InactiveReason): void;
  refused(route: Route, code: RefusalCode): void;
  requestEnded(route: Route, durationMs: number): void;
  readonly contentType: string;
  /** The figures in Prometheus' text format; where several processes serve, those of all of them. */
  text(): Promise<string>;
  /** This process's own figures, fit to be sent to another. */
  figures(): Promise<unknown>;
  /** Those of them that only grow. Cheap enough to be asked for every second. */
  counters(): Promise<unknown>;
}

/** What `prom-client` makes of a metric. */
interface Figure {
  readonly type: "counter" | "gauge" | "histogram" | "summary";
}

/** Of several processes' {@link Metrics.figures} the counters and histograms, added up by name and labels. */
export function addUpCounters(figures: readonly unknown[]): unknown {
  const growing = figures.map((ofOne) => (ofOne as readonly Figure[]).filter(isGrowing));
  const added = AggregatorRegistry.aggregate(growing).getMetricsAsArray();
  // Without the methods: of what is aggregated, the values stand beside them.
  return JSON.parse(JSON.stringify(added));
}

const isGrowing = ({ type }: Pick<Figure, "type">) => type === "counter" || type === "histogram";

/** Asks every process that serves for its {@link Metrics.figures}. */
export type GatherFigures = () => Promise<readonly unknown[]>;

/** Upper bounds in seconds: an exchange takes under a millisecond, a bad day a second. */
const DURATION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 5];

/** The connections of each listener. */
export type ListenerConnections = Readonly<Record<"public" | "internal", () => ConnectionFigures>>;

export function createMetrics(
  view: Pick<RegistryView, "figures"> & { readonly feed: Pick<FeedFollower, "isFresh"> },
  streamCount: () => number = () => 0,
  gather?: GatherFigures,
  connections?: ListenerConnections,
  isWritable: () => boolean = () => true,
  clock?: Pick<ClockWatch, "steps" | "lastStepMs" | "databaseOffsetMs">,
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  // Counted in plain variables and handed over when Prometheus asks: a labelled counter costs more than a token check.
  let issued = 0;
  let active = 0;
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
  const durations = new Histogram({
    name: "countersign_request_duration_seconds",
    help: "Time from a request's head to the end of its answer, by route",
    labelNames: ["route"],
    buckets: DURATION_BUCKETS,
    registers,
  });
  const counterOf = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  /** @param aggregator what becomes of the figures of several processes */
  const gaugeOf = (name: string, help: string, value: () => number, aggregator: "sum" | "min" | "max" = "sum") =>
    new Gauge({
      name,
      help,
      aggregator,
      registers,
      collect() {
        this.set(value());
      },
    });
  counterOf("countersign_tokens_issued_total", "Tokens issued", () => issued);
  counterOf("countersign_tokens_active_total", "Token checks that found an active token", () => active);
  counterOf("countersign_view_hits_total", "Lookups that the registry view answered", () => view.figures().hits);
  counterOf("countersign_view_misses_total", "Lookups that had to ask the store", () => view.figures().misses);
  gaugeOf("countersign_view_users", "API users in the registry view", () => view.figures().users);
  gaugeOf(
    "countersign_revoked_tokens",
    "Tokens on the deny-list that haven't expired",
    () => view.figures().revokedTokens,
    "max",
  );
  if (connections !== undefined) registerConnections(registry, connections);
  if (clock !== undefined) {
    counterOf("countersign_clock_steps_total", "How often the wall clock was set, or the machine slept", clock.steps);
    gaugeOf(
      "countersign_clock_step_seconds",
      "By how much the last step moved the wall clock; negative where it was set back",
      () => clock.lastStepMs() / 1000,
      "max",
    );
    gaugeOf(
      "countersign_database_clock_offset_seconds",
      "How far this machine's clock is ahead of the database's, at least; negative where it is behind",
      () => (clock.databaseOffsetMs() ?? 0) / 1000,
      "max",
    );
  }
  gaugeOf("countersign_change_streams", "Open streams of the change feed", streamCount);
  gaugeOf(
    "countersign_view_fresh",
    "1 where the registry view is confirmed, 0 past the staleness bound",
    () => (view.feed.isFresh() ? 1 : 0),
    "min",
  );
  gaugeOf(
    "countersign_store_writable",
    "1 where the last write to the store got through, 0 where it failed, such as on a full disk",
    () => (isWritable() ? 1 : 0),
    "min",
  );

  return {
    tokenIssued() {
      issued++;
    },
    tokenChecked(verdict) {
      if (verdict === "active") active++;
      else inactive.inc({ reason: verdict });
    },
    refused(route, code) {
      refusals.inc({ route, code });
    },
    requestEnded(route, durationMs) {
      durations.observe({ route }, durationMs / 1000);
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

function registerConnections(registry: Registry, connections: ListenerConnections): void {
  for (const [listener, figures] of Object.entries(connections)) {
    registry.registerMetric(
      new Gauge({
        name: `countersign_${listener}_connections`,
        help: `Open connections to the ${listener} listener`,
        registers: [],
        collect() {
          this.set(figures().open);
        },
      }),
    );
    registry.registerMetric(
      new Counter({
        name: `countersign_${listener}_connections_cut_off_total`,
        help: `Connections to the ${listener} listener closed for a new one (evicted), not accepted (refused), or whose client read nothing (unread)`,
        labelNames: ["reason"],
        registers: [],
        collect() {
          this.reset();
          const { evicted, refused, unread } = figures();
          for (const [reason, count] of Object.entries({ evicted, refused, unread })) this.inc({ reason }, count);
        },
      }),
    );
  }
}
