import { type Weakness, WEAKNESSES } from "@countersign/protocol";
import type { ClockWatch } from "../../core/clock/clock-watch.ts";
import type { FeedFollower } from "../../core/feed/follow-feed.ts";
import type { JobFigure } from "../../core/jobs/job-figures.ts";
import type { KeyCounts } from "../../core/keys/key-counts.ts";
import type { SigningKeyFigures } from "../../core/signing-keys/signing-key-figures.ts";
import type { RegistryView } from "../../core/view/view.ts";
import type { WebhookFigures } from "../../core/webhooks/worker.ts";
import type { Readiness } from "./health-routes.ts";
import type { ListenerFigures } from "./connections.ts";
import type { Instruments } from "./instruments.ts";

/** The connections of each listener that a process serves. */
export type ListenerConnections = Readonly<Partial<Record<"public" | "internal", () => ListenerFigures>>>;

/** The view that every serving process has. */
export type MeasuredView = Pick<RegistryView, "figures"> & { readonly feed: Pick<FeedFollower, "isFresh"> };

/**
 * Where figures come from that are read at each scrape. What is missing has no metric, and what a source can't read (`undefined`) is
 * left out of that scrape: all other metrics are there.
 */
export interface MetricSources {
  /** How many change streams are open. */
  readonly streamCount?: () => number;
  readonly connections?: ListenerConnections;
  readonly isWritable?: () => boolean;
  readonly clock?: Pick<ClockWatch, "steps" | "lastStepMs" | "databaseOffsetMs">;
  /** How many keys that aren't revoked have each weakness. */
  readonly countWeakKeys?: () => Promise<ReadonlyMap<Weakness, number>>;
  readonly keyCounts?: () => Promise<KeyCounts | undefined>;
  readonly signingKeys?: () => Promise<SigningKeyFigures | undefined>;
  readonly readiness?: Readiness;
  readonly build?: { readonly version: string; readonly store: string };
}

/** The figures of work that starts after the metrics were made. */
export interface LateSources {
  webhooks: () => WebhookFigures;
  jobs: () => Promise<readonly JobFigure[] | undefined>;
}

export function registerView({ counter, gauge }: Instruments, view: MeasuredView): void {
  counter("countersign_view_hits_total", "Lookups that the registry view answered", () => view.figures().hits);
  counter("countersign_view_misses_total", "Lookups that needed the store", () => view.figures().misses);
  gauge("countersign_view_users", "API users in the registry view", () => view.figures().users);
  gauge(
    "countersign_revoked_tokens",
    "Tokens on the deny-list that haven't expired",
    () => view.figures().revokedTokens,
    "max",
  );
  gauge(
    "countersign_view_fresh",
    "1 if the registry view is confirmed, 0 past the staleness bound",
    () => (view.feed.isFresh() ? 1 : 0),
    "min",
  );
}

export function registerSources(instruments: Instruments, sources: MetricSources): void {
  const { gauge, gauges } = instruments;
  const { streamCount = () => 0, isWritable = () => true, connections, clock, countWeakKeys, keyCounts } = sources;
  const { signingKeys, readiness, build } = sources;
  gauge("countersign_change_streams", "Open streams of the change feed", streamCount);
  gauge(
    "countersign_store_writable",
    "1 if the last write to the store succeeded, 0 if it failed, such as on a full disk",
    () => (isWritable() ? 1 : 0),
    "min",
  );
  if (readiness !== undefined) {
    gauge(
      "countersign_ready",
      "1 if the public listener's /readyz answers 200, else 0",
      async () => ((await readiness()).ready ? 1 : 0),
      "min",
    );
  }
  if (build !== undefined) {
    const { version, store } = build;
    gauges(
      "countersign_build_info",
      "1, with the version that runs and the kind of its store",
      ["version", "store"],
      () => [[[version, store], 1]],
      "max",
    );
  }
  if (connections !== undefined) {
    registerConnections(instruments, connections);
    registerCertificates(instruments, connections);
  }
  if (clock !== undefined) registerClock(instruments, clock);
  if (countWeakKeys !== undefined) {
    gauges(
      "countersign_weak_keys",
      "Keys that the last audit found weak and that aren't revoked, by weakness",
      ["weakness"],
      async () => {
        const counts = await countWeakKeys().catch(() => undefined);
        return counts && WEAKNESSES.map((weakness) => [[weakness], counts.get(weakness) ?? 0] as const);
      },
      "max",
    );
  }
  if (keyCounts !== undefined) {
    gauges(
      "countersign_keys",
      "Public keys to look at, counted once a minute and up to 10001",
      ["state"],
      async () => Object.entries({ ...(await keyCounts()) }).map(([state, count]) => [[state], count] as const),
      "max",
    );
  }
  if (signingKeys !== undefined) registerSigningKeys(instruments, signingKeys);
}

/** Read through the object, because the work that has the figures begins later. */
export function registerLateSources({ gauge, gauges }: Instruments, late: LateSources): void {
  gauge(
    "countersign_webhook_lag_seconds",
    "Age of the oldest event that a webhook endpoint hasn't got yet",
    () => late.webhooks().lagSeconds,
    "max",
  );
  gauge(
    "countersign_webhooks_failing",
    "Webhook endpoints that wait for a retry",
    () => late.webhooks().failing,
    "max",
  );
  gauges(
    "countersign_job_last_run_timestamp_seconds",
    "When a background job was last completed on any node, in seconds since the epoch; 0 if never",
    ["job_name"],
    async () => (await late.jobs())?.map(({ name, ranAtMs }) => [[name], (ranAtMs ?? 0) / 1000]),
    "max",
  );
  gauges(
    "countersign_job_interval_seconds",
    "Time between two runs of a background job",
    ["job_name"],
    async () => (await late.jobs())?.map(({ name, intervalMs }) => [[name], intervalMs / 1000]),
    "max",
  );
}

function registerConnections({ gauge, counters }: Instruments, connections: ListenerConnections): void {
  for (const [listener, figures] of Object.entries(connections)) {
    gauge(`countersign_${listener}_connections`, `Open connections to the ${listener} listener`, () => figures().open);
    counters(
      `countersign_${listener}_connections_cut_off_total`,
      `Connections to the ${listener} listener closed for a new one (evicted), not accepted (refused), or closed because the client read nothing (unread)`,
      ["reason"],
      () => {
        const { evicted, refused, unread } = figures();
        return Object.entries({ evicted, refused, unread }).map(([reason, count]) => [[reason], count] as const);
      },
    );
  }
}

/** Metrics of the listeners that speak TLS, if there are any. */
function registerCertificates({ gauges, counters }: Instruments, connections: ListenerConnections): void {
  const secured = Object.entries(connections).filter(([, figures]) => figures().certificate !== undefined);
  if (secured.length === 0) return;
  const each = (value: (figures: ListenerFigures) => number) => () =>
    secured.map(([listener, figures]) => [[listener], value(figures())] as const);
  gauges(
    "countersign_tls_certificate_expiry_timestamp_seconds",
    "When the certificate that a listener uses expires, in seconds since the epoch",
    ["listener"],
    each(({ certificate }) => (certificate?.expiresAtMs ?? 0) / 1000),
    "min",
  );
  gauges(
    "countersign_tls_certificate_outdated",
    "1 if a listener's TLS files have changed and can't be used, so that it still uses the earlier ones",
    ["listener"],
    each(({ certificate }) => (certificate?.isOutdated === true ? 1 : 0)),
    "max",
  );
  counters(
    "countersign_tls_handshakes_failed_total",
    "Connections that ended without a TLS handshake: plain HTTP, an old version of TLS, or a client that rejects the certificate",
    ["listener"],
    each(({ unsecured }) => unsecured),
  );
}

function registerClock({ counter, gauge }: Instruments, clock: NonNullable<MetricSources["clock"]>): void {
  counter("countersign_clock_steps_total", "Times that the wall clock was set or the machine slept", () =>
    clock.steps(),
  );
  gauge(
    "countersign_clock_step_seconds",
    "How far the last step moved the wall clock; negative if it was set back",
    () => clock.lastStepMs() / 1000,
    "max",
  );
  gauge(
    "countersign_database_clock_offset_seconds",
    "How far, at least, this machine's clock is ahead of the database's; negative if it is behind",
    () => (clock.databaseOffsetMs() ?? 0) / 1000,
    "max",
  );
}

function registerSigningKeys({ gauges }: Instruments, signingKeys: NonNullable<MetricSources["signingKeys"]>): void {
  gauges(
    "countersign_signing_keys",
    "Signing keys: waiting until every live node can check their tokens, active, or retired",
    ["state"],
    async () => {
      const figures = await signingKeys();
      if (figures === undefined) return undefined;
      const { waiting, active, retired } = figures;
      return Object.entries({ waiting, active, retired }).map(([state, count]) => [[state], count] as const);
    },
    "max",
  );
  gauges(
    "countersign_signing_key_activated_timestamp_seconds",
    "Since when the current signing key has signed new tokens, in seconds since the epoch",
    [],
    async () => {
      const sinceMs = (await signingKeys())?.signsSinceMs;
      return sinceMs === undefined ? undefined : [[[], sinceMs / 1000]];
    },
    "max",
  );
}
