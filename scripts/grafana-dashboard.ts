/**
 * The Grafana dashboard of deploy/monitoring/. `npm run docs` writes it; to change a panel, change it here.
 *
 * test/deploy/monitoring.test.ts runs every query against a real Prometheus that scrapes real nodes.
 */

/** What a panel shows: queries with a legend each. */
interface Panel {
  readonly title: string;
  readonly description: string;
  readonly kind?: "timeseries" | "stat" | "state-timeline";
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly isStacked?: boolean;
  /** Values from which a stat turns red; by default it has no colours. */
  readonly thresholds?: readonly { readonly color: string; readonly value: number | null }[];
  readonly queries: readonly (readonly [expr: string, legend: string])[];
}

/** Grafana replaces the variables. */
const SELECTED = 'job="$job", instance=~"$instance"';
const RATE = "[$__rate_interval]";

const rateBy = (labels: string, metric: string, matchers = "") =>
  `sum by (${labels}) (rate(${metric}{${SELECTED}${matchers}}${RATE}))`;
const quantile = (of: number, route: string) =>
  `histogram_quantile(${of}, sum by (le) (rate(countersign_request_duration_seconds_bucket{${SELECTED}, route="${route}"}${RATE})))`;
/** Every node reads these figures from the same store. */
const shared = (labels: string, metric: string, matchers = "") =>
  `max by (${labels}) (${metric}{${SELECTED}${matchers}})`;

const RED_FROM = (value: number) => [
  { color: "green", value: null },
  { color: "red", value },
];
const GREEN_FROM = (value: number) => [
  { color: "red", value: null },
  { color: "green", value },
];

const ROWS: readonly (readonly [title: string, panels: readonly Panel[]])[] = [
  [
    "Overview",
    [
      {
        title: "Nodes ready",
        description: "Nodes whose public /readyz answers 200.",
        kind: "stat",
        thresholds: GREEN_FROM(1),
        queries: [[`sum(countersign_ready{${SELECTED}})`, "ready"]],
      },
      {
        title: "Requests",
        description: "Answered requests a second, of both listeners.",
        kind: "stat",
        unit: "reqps",
        queries: [[`sum(rate(countersign_request_duration_seconds_count{${SELECTED}}${RATE}))`, "requests"]],
      },
      {
        title: "Errors",
        description: "Share of requests that were answered with a 5xx.",
        kind: "stat",
        unit: "percentunit",
        thresholds: RED_FROM(0.01),
        queries: [
          [
            `sum(rate(countersign_refusals_total{${SELECTED}, code=~"internal|unavailable"}${RATE})) / sum(rate(countersign_request_duration_seconds_count{${SELECTED}}${RATE}))`,
            "errors",
          ],
        ],
      },
      {
        title: "Exchange, p99",
        description: "99 of 100 exchanges take less time than this.",
        kind: "stat",
        unit: "s",
        queries: [[quantile(0.99, "exchange"), "exchange"]],
      },
      {
        title: "Check, p99",
        description: "99 of 100 token checks take less time than this.",
        kind: "stat",
        unit: "s",
        queries: [[quantile(0.99, "check"), "check"]],
      },
      {
        title: "Versions",
        description: "Nodes by the version that they run.",
        kind: "stat",
        queries: [[`count by (version, store) (countersign_build_info{${SELECTED}})`, "{{version}} ({{store}})"]],
      },
    ],
  ],
  [
    "Traffic",
    [
      {
        title: "Requests by route",
        description: "Requests a second. The route other is the console, the admin API and everything unknown.",
        unit: "reqps",
        isStacked: true,
        queries: [[rateBy("route", "countersign_request_duration_seconds_count"), "{{route}}"]],
      },
      {
        title: "Duration",
        description: "From a request's head to the end of its answer.",
        unit: "s",
        queries: [
          [quantile(0.5, "exchange"), "exchange p50"],
          [quantile(0.99, "exchange"), "exchange p99"],
          [quantile(0.5, "check"), "check p50"],
          [quantile(0.99, "check"), "check p99"],
        ],
      },
      {
        title: "Tokens",
        description: "Tokens issued, and checks that found an active token, a second.",
        unit: "ops",
        queries: [
          [`sum(rate(countersign_tokens_issued_total{${SELECTED}}${RATE}))`, "issued"],
          [`sum(rate(countersign_tokens_active_total{${SELECTED}}${RATE}))`, "checked, active"],
        ],
      },
      {
        title: "Inactive tokens by reason",
        description: "Checks that found an inactive token. Gateways refuse these requests.",
        unit: "ops",
        isStacked: true,
        queries: [[rateBy("reason", "countersign_tokens_inactive_total"), "{{reason}}"]],
      },
      {
        title: "Refusals by code",
        description:
          "Requests that the client must change before it sends them again. /docs/errors explains each code.",
        unit: "ops",
        isStacked: true,
        queries: [[rateBy("code", "countersign_refusals_total", ', code!~"internal|unavailable"'), "{{code}}"]],
      },
      {
        title: "Errors by route and code",
        description: "internal is a defect (500); unavailable is a store or a queue that can't answer (503).",
        unit: "ops",
        queries: [
          [rateBy("route, code", "countersign_refusals_total", ', code=~"internal|unavailable"'), "{{route}} {{code}}"],
        ],
      },
    ],
  ],
  [
    "Nodes",
    [
      {
        title: "State",
        description:
          "1 is good. Ready: /readyz. Fresh: the change feed is confirmed. Writable: the last write succeeded.",
        kind: "state-timeline",
        thresholds: GREEN_FROM(1),
        queries: [
          [`countersign_ready{${SELECTED}}`, "{{instance}} ready"],
          [`countersign_view_fresh{${SELECTED}}`, "{{instance}} fresh"],
          [`countersign_store_writable{${SELECTED}}`, "{{instance}} writable"],
        ],
      },
      {
        title: "Lookups answered from memory",
        description: "Share of lookups of users and keys that needed no query.",
        unit: "percentunit",
        max: 1,
        queries: [
          [
            `sum by (instance) (rate(countersign_view_hits_total{${SELECTED}}${RATE})) / (sum by (instance) (rate(countersign_view_hits_total{${SELECTED}}${RATE})) + sum by (instance) (rate(countersign_view_misses_total{${SELECTED}}${RATE})))`,
            "{{instance}}",
          ],
        ],
      },
      {
        title: "In memory",
        description: "API users in the view, and revoked tokens on the deny-list.",
        queries: [
          [`countersign_view_users{${SELECTED}}`, "{{instance}} users"],
          [`countersign_revoked_tokens{${SELECTED}}`, "{{instance}} revoked tokens"],
        ],
      },
      {
        title: "Connections",
        description: "Open connections to each listener, and open streams of the change feed.",
        queries: [
          [`countersign_public_connections{${SELECTED}}`, "{{instance}} public"],
          [`countersign_internal_connections{${SELECTED}}`, "{{instance}} internal"],
          [`countersign_change_streams{${SELECTED}}`, "{{instance}} change streams"],
        ],
      },
      {
        title: "Connections cut off",
        description:
          "Closed for a new one (evicted), not accepted (refused), or closed because the client read nothing.",
        unit: "ops",
        queries: [
          [rateBy("reason", "countersign_public_connections_cut_off_total"), "public {{reason}}"],
          [rateBy("reason", "countersign_internal_connections_cut_off_total"), "internal {{reason}}"],
        ],
      },
      {
        title: "TLS",
        description: "Time until each certificate expires, and connections without a handshake. Empty without TLS.",
        unit: "s",
        queries: [
          [
            `countersign_tls_certificate_expiry_timestamp_seconds{${SELECTED}} - time()`,
            "{{instance}} {{listener}} expiry",
          ],
          [
            rateBy("instance, listener", "countersign_tls_handshakes_failed_total"),
            "{{instance}} {{listener}} failed a second",
          ],
        ],
      },
      {
        title: "Clock",
        description: "How far a node's clock is ahead of the database's, and the last time that it was set.",
        unit: "s",
        queries: [
          [`countersign_database_clock_offset_seconds{${SELECTED}}`, "{{instance}} against the database"],
          [`countersign_clock_step_seconds{${SELECTED}}`, "{{instance}} last step"],
          [`increase(countersign_clock_steps_total{${SELECTED}}[$__range])`, "{{instance}} steps in this range"],
        ],
      },
    ],
  ],
  [
    "Process",
    [
      {
        title: "CPU",
        description: "Cores in use. With workers, their sum.",
        unit: "none",
        queries: [[`rate(process_cpu_seconds_total{${SELECTED}}${RATE})`, "{{instance}}"]],
      },
      {
        title: "Memory",
        description: "Resident memory. With workers, their sum.",
        unit: "bytes",
        queries: [
          [`process_resident_memory_bytes{${SELECTED}}`, "{{instance}} resident"],
          [`nodejs_heap_size_used_bytes{${SELECTED}}`, "{{instance}} heap in use"],
        ],
      },
      {
        title: "Event loop delay, p99",
        description: "About 10 ms is idle: that is how often it is measured. With workers, their mean.",
        unit: "s",
        queries: [[`nodejs_eventloop_lag_p99_seconds{${SELECTED}}`, "{{instance}}"]],
      },
      {
        title: "Garbage collection",
        description: "Share of the time that it takes.",
        unit: "percentunit",
        queries: [
          [
            `sum by (instance, kind) (rate(nodejs_gc_duration_seconds_sum{${SELECTED}}${RATE}))`,
            "{{instance}} {{kind}}",
          ],
        ],
      },
      {
        title: "File descriptors",
        description: "Share of the limit that is in use.",
        unit: "percentunit",
        queries: [[`process_open_fds{${SELECTED}} / process_max_fds{${SELECTED}}`, "{{instance}}"]],
      },
    ],
  ],
  [
    "Keys",
    [
      {
        title: "Public keys",
        description: "Each counted up to 10001.",
        queries: [[shared("state", "countersign_keys"), "{{state}}"]],
      },
      {
        title: "Weak keys",
        description: "Keys that the last audit found weak and that aren't revoked.",
        queries: [[shared("weakness", "countersign_weak_keys"), "{{weakness}}"]],
      },
      {
        title: "Signing keys",
        description: "A key waits until every live node can check its tokens.",
        queries: [[shared("state", "countersign_signing_keys"), "{{state}}"]],
      },
      {
        title: "Age of the signing key",
        description: "How long the current key has signed new tokens.",
        kind: "stat",
        unit: "s",
        queries: [[`time() - ${shared("job", "countersign_signing_key_activated_timestamp_seconds")}`, "age"]],
      },
    ],
  ],
  [
    "Webhooks and jobs",
    [
      {
        title: "Deliveries by outcome",
        description: "Attempts a second.",
        unit: "ops",
        queries: [[rateBy("outcome", "countersign_webhook_attempts_total"), "{{outcome}}"]],
      },
      {
        title: "Lag",
        description: "Age of the oldest event that an endpoint hasn't got yet.",
        unit: "s",
        queries: [[shared("job", "countersign_webhook_lag_seconds"), "lag"]],
      },
      {
        title: "Endpoints that fail",
        description: "Endpoints that wait for a retry.",
        kind: "stat",
        thresholds: RED_FROM(1),
        queries: [[shared("job", "countersign_webhooks_failing"), "failing"]],
      },
      {
        title: "Background jobs",
        description: "Time since the last complete run, in intervals. Above 2 a job is late.",
        unit: "none",
        queries: [
          [
            `(time() - ${shared("job_name", "countersign_job_last_run_timestamp_seconds")}) / ${shared("job_name", "countersign_job_interval_seconds")}`,
            "{{job_name}}",
          ],
        ],
      },
    ],
  ],
];

/** Grafana's grid has 24 columns. */
const COLUMNS = 24;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;

/** The dashboard as Grafana imports it, for Grafana 10 and later. */
export function dashboardJson(): string {
  let y = 0;
  let id = 0;
  const panels: object[] = [];
  for (const [title, row] of ROWS) {
    panels.push({ id: ++id, type: "row", title, collapsed: false, gridPos: { h: 1, w: COLUMNS, x: 0, y }, panels: [] });
    y++;
    const isOverview = row.every(({ kind }) => kind === "stat");
    const perRow = isOverview ? row.length : 3;
    const size = { h: isOverview ? 4 : 8, w: COLUMNS / perRow };
    for (const [at, panel] of row.entries()) {
      const gridPos = { ...size, x: (at % perRow) * size.w, y: y + Math.floor(at / perRow) * size.h };
      panels.push({ id: ++id, gridPos, ...panelJson(panel) });
    }
    y += Math.ceil(row.length / perRow) * size.h;
  }
  const dashboard = {
    uid: "countersign",
    title: "Countersign",
    description: "Generated by scripts/grafana-dashboard.ts of Countersign.",
    tags: ["countersign"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    annotations: { list: [] },
    links: [],
    templating: { list: variables() },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function panelJson(panel: Panel): object {
  const { title, description, kind = "timeseries", unit = "short", min = 0, max, thresholds, queries } = panel;
  const targets = queries.map(([expr, legendFormat], at) => ({
    refId: String.fromCodePoint(65 + at),
    datasource: DATASOURCE,
    editorMode: "code",
    expr,
    legendFormat,
    range: true,
  }));
  const steps = thresholds ?? [{ color: "green", value: null }];
  const defaults = {
    unit,
    ...(kind === "timeseries" && unit !== "s" && { min }),
    ...(max !== undefined && { max }),
    thresholds: { mode: "absolute", steps },
    ...(kind !== "timeseries" && { color: { mode: "thresholds" } }),
    custom: kind === "timeseries" ? { fillOpacity: 10, stacking: { mode: panel.isStacked ? "normal" : "none" } } : {},
  };
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: { defaults, overrides: [] },
    options: optionsOf(kind),
    targets,
  };
}

function optionsOf(kind: NonNullable<Panel["kind"]>): object {
  const legend = { displayMode: "list", placement: "bottom", showLegend: true };
  if (kind === "timeseries") return { legend, tooltip: { mode: "multi", sort: "desc" } };
  if (kind === "state-timeline") return { legend, mergeValues: true, showValue: "never", rowHeight: 0.8 };
  return { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, textMode: "auto", colorMode: "value" };
}

function variables(): readonly object[] {
  const query = (name: string, label: string, text: string, isMany: boolean) => ({
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    definition: text,
    query: { query: text, refId: `${name}-variable` },
    refresh: 2,
    sort: 1,
    multi: isMany,
    includeAll: isMany,
    ...(isMany && { allValue: ".*", current: { selected: true, text: "All", value: "$__all" } }),
  });
  return [
    { type: "datasource", name: "datasource", label: "Data source", query: "prometheus", refresh: 1 },
    query("job", "Job", "label_values(countersign_ready, job)", false),
    query("instance", "Node", 'label_values(countersign_ready{job="$job"}, instance)', true),
  ];
}
