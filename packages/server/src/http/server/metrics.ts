import { type RefusalCode, type Weakness, WEAKNESSES } from "@countersign/protocol";
import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { InactiveReason } from "../../core/check.ts";
import type { ClockWatch } from "../../core/clock/clock-watch.ts";
import type { KeyCounts } from "../../core/keys/key-counts.ts";
import type { FeedFollower } from "../../core/feed/follow-feed.ts";
import type { RegistryView } from "../../core/view/view.ts";
import type { Outcome } from "../../core/webhooks/model.ts";
import type { WebhookFigures } from "../../core/webhooks/worker.ts";
import type { ConnectionFigures } from "./connections.ts";

/** The routes that metrics and logs distinguish. Never a path, which is the client's text. */
export type Route =
  | "exchange"
  | "check"
  | "introspection"
  | "oauth_token"
  | "revocation"
  | "revoke_key"
  | "rotate_key"
  | "changes"
  | "key_challenges"
  | "other";

/** Metrics for Prometheus. No label holds a user, a key or anything that a client chose. */
export interface Metrics {
  tokenIssued(): void;
  tokenChecked(verdict: "active" | InactiveReason): void;
  refused(route: Route, code: RefusalCode): void;
  requestEnded(route: Route, durationMs: number): void;
  webhookAttempted(outcome: Outcome): void;
  /** Reads the figures of the webhook worker at each scrape; until then they are zero. */
  watchWebhooks(figures: () => WebhookFigures): void;
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

/** The connections of each listener. */
export type ListenerConnections = Readonly<Record<"public" | "internal", () => ConnectionFigures>>;

/** How many keys that aren't revoked have each weakness. */
export type CountWeakKeys = () => Promise<ReadonlyMap<Weakness, number>>;

export function createMetrics(
  view: Pick<RegistryView, "figures"> & { readonly feed: Pick<FeedFollower, "isFresh"> },
  streamCount: () => number = () => 0,
  gather?: GatherFigures,
  connections?: ListenerConnections,
  isWritable: () => boolean = () => true,
  clock?: Pick<ClockWatch, "steps" | "lastStepMs" | "databaseOffsetMs">,
  countWeakKeys?: CountWeakKeys,
  keyCounts?: () => Promise<KeyCounts | undefined>,
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  // Plain variables, read when Prometheus scrapes: incrementing a labelled counter costs more than a token check.
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
  /** @param aggregator how the figures of several processes are combined */
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
  counterOf("countersign_view_misses_total", "Lookups that needed the store", () => view.figures().misses);
  gaugeOf("countersign_view_users", "API users in the registry view", () => view.figures().users);
  gaugeOf(
    "countersign_revoked_tokens",
    "Tokens on the deny-list that haven't expired",
    () => view.figures().revokedTokens,
    "max",
  );
  if (connections !== undefined) registerConnections(registry, connections);
  if (countWeakKeys !== undefined) registerWeakKeys(registry, countWeakKeys);
  if (clock !== undefined) {
    counterOf("countersign_clock_steps_total", "Times that the wall clock was set or the machine slept", clock.steps);
    gaugeOf(
      "countersign_clock_step_seconds",
      "How far the last step moved the wall clock; negative if it was set back",
      () => clock.lastStepMs() / 1000,
      "max",
    );
    gaugeOf(
      "countersign_database_clock_offset_seconds",
      "How far, at least, this machine's clock is ahead of the database's; negative if it is behind",
      () => (clock.databaseOffsetMs() ?? 0) / 1000,
      "max",
    );
  }
  const webhookAttempts = new Counter({
    name: "countersign_webhook_attempts_total",
    help: "Attempts to deliver an event to a webhook endpoint, by outcome",
    labelNames: ["outcome"],
    registers,
  });
  let webhookFigures = (): WebhookFigures => ({ lagSeconds: 0, failing: 0 });
  gaugeOf(
    "countersign_webhook_lag_seconds",
    "Age of the oldest event that a webhook endpoint hasn't got yet",
    () => webhookFigures().lagSeconds,
    "max",
  );
  gaugeOf(
    "countersign_webhooks_failing",
    "Webhook endpoints that wait for a retry",
    () => webhookFigures().failing,
    "max",
  );
  if (keyCounts !== undefined) registerKeys(registry, keyCounts);
  gaugeOf("countersign_change_streams", "Open streams of the change feed", streamCount);
  gaugeOf(
    "countersign_view_fresh",
    "1 if the registry view is confirmed, 0 past the staleness bound",
    () => (view.feed.isFresh() ? 1 : 0),
    "min",
  );
  gaugeOf(
    "countersign_store_writable",
    "1 if the last write to the store succeeded, 0 if it failed, such as on a full disk",
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
    webhookAttempted(outcome) {
      webhookAttempts.inc({ outcome });
    },
    watchWebhooks(figures) {
      webhookFigures = figures;
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

function registerKeys(registry: Registry, keyCounts: () => Promise<KeyCounts | undefined>): void {
  registry.registerMetric(
    new Gauge({
      name: "countersign_keys",
      help: "Public keys to look at, counted once a minute and up to 10001",
      labelNames: ["state"],
      aggregator: "max",
      registers: [],
      async collect() {
        this.reset();
        const counts: Readonly<Record<string, number>> = { ...(await keyCounts()) };
        for (const [state, count] of Object.entries(counts)) this.set({ state }, count);
      },
    }),
  );
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
        help: `Connections to the ${listener} listener closed for a new one (evicted), not accepted (refused), or closed because the client read nothing (unread)`,
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

/** While the store can't be read, the figures are missing, and all other metrics are there. */
function registerWeakKeys(registry: Registry, count: CountWeakKeys): void {
  const gauge = new Gauge({
    name: "countersign_weak_keys",
    help: "Keys that the last audit found weak and that aren't revoked, by weakness",
    labelNames: ["weakness"],
    aggregator: "max",
    registers: [],
    async collect() {
      this.reset();
      const counts = await count().catch(() => undefined);
      if (counts === undefined) return;
      for (const weakness of WEAKNESSES) this.set({ weakness }, counts.get(weakness) ?? 0);
    },
  });
  registry.registerMetric(gauge);
}
