/**
 * deploy/monitoring/, used as published: Prometheus scrapes real nodes by the published configuration, evaluates the
 * published rules, and answers every query of the published dashboard.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { findMissing, IS_CI, type Requirement } from "../testkit/requirements.ts";
import { endWithThisProcess, environment, runProgram } from "../testkit/run-program.ts";
import { createApiUser, startServer, temporaryFolder, type TestServer, tokenCommand } from "../testkit/server.ts";

const FOLDER = fileURLToPath(new URL("../../deploy/monitoring/", import.meta.url));
const PAGE = fileURLToPath(new URL("../../docs/monitoring.md", import.meta.url));

const PROMETHEUS: Requirement = {
  name: "Prometheus",
  debianPackages: "prometheus",
  probes: [
    ["/usr/bin/prometheus", "--version"],
    ["/usr/bin/promtool", "--version"],
  ],
};

const read = (file: string) => readFileSync(join(FOLDER, file), "utf8");

const ALERTS = [...read("countersign.rules.yml").matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const DASHBOARD = JSON.parse(read("countersign.dashboard.json")) as {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
};

test("each alert has a unit test in which it fires, one in which it doesn't, and a runbook", () => {
  const tests = read("countersign.rules.test.yml");
  const page = readFileSync(PAGE, "utf8");
  assert.ok(ALERTS.length > 20);
  for (const name of ALERTS) {
    assert.match(tests, new RegExp(`\\{alertname: ${name}, eval_time: `), `${name} doesn't fire`);
    assert.match(tests, new RegExp(`alertname: ${name}\\n +eval_time: \\w+\\n +exp_alerts:`), `${name} fires`);
    assert.ok(page.includes(`\n### ${name}\n`), `${name} has a runbook`);
    assert.ok(read("countersign.rules.yml").includes(`runbook_url: docs/monitoring.md#${name.toLowerCase()}\n`), name);
  }
  const runbooks = [...page.matchAll(/^### (Countersign\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(runbooks, ALERTS, "the runbooks are in the order of the rules");
});

test("Kubernetes gives the scrape job the name that the rules and the dashboard expect", () => {
  const kubernetes = (file: string) => read(join("..", "kubernetes", file));
  const monitor = kubernetes("monitoring/service-monitor.yaml");
  const [, label = ""] = /^ {2}jobLabel: (\S+)$/m.exec(monitor) ?? [];
  const service = kubernetes("base/services.yaml")
    .split(/^---$/m)
    .find((document) => document.includes("name: countersign-internal"));
  assert.ok(service?.includes(`    ${label}: countersign\n`), label);
  assert.match(read("prometheus.yml"), /job_name: countersign /);
});

const missing = await findMissing(PROMETHEUS);

if (missing !== undefined && IS_CI) test("Prometheus", () => assert.fail(missing));
else describe("Prometheus", { skip: missing ?? false, concurrency: 1 }, describePrometheus);

function describePrometheus(): void {
  let postgres: TestPostgres;
  /** One node of each kind: SQLite, with TLS, PostgreSQL, and PostgreSQL with workers. */
  let nodes: Readonly<Record<string, TestServer>> = {};
  let prometheusUrl = "";
  let stopPrometheus: () => Promise<void> = () => Promise.resolve();

  before(async () => {
    postgres = await startPostgres();
    const env = { COUNTERSIGN_DATABASE_URL: await postgres.createDatabase() };
    const flags = ["--trusted-proxies", "127.0.0.1"];
    const [sqlite, onPostgres, tls] = await Promise.all([
      startServer({ flags }),
      startServer({ flags, env }),
      startServer({ env: await makeCertificate() }),
    ]);
    const workers = await startServer({
      flags: [...flags, "--workers", "2"],
      env,
      dataDir: onPostgres.dataDir,
    });
    nodes = { sqlite, tls, onPostgres, workers };
    await Promise.all([useNode(sqlite, sqlite), useNode(onPostgres, onPostgres), useNode(workers, onPostgres, "more")]);
    ({ url: prometheusUrl, stop: stopPrometheus } = await startPrometheus(Object.values(nodes)));
  });

  after(async () => {
    await stopPrometheus();
    await Promise.all(Object.values(nodes).map((node) => node.stop()));
    await postgres?.stop();
  });

  interface Series {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: readonly [number, string];
  }

  async function query(expr: string): Promise<readonly Series[]> {
    const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const body = (await answer.json()) as { status: string; error?: string; data?: { result: readonly Series[] } };
    assert.equal(body.status, "success", `${expr}: ${body.error}`);
    return body.data?.result ?? [];
  }

  test("promtool accepts the metrics of every kind of node", async () => {
    for (const [kind, node] of Object.entries(nodes)) {
      const text = await (await fetch(`${node.adminUrl}/metrics`)).text();
      const { status, stdout, stderr } = await runProgram("/usr/bin/promtool", ["check", "metrics"], { input: text });
      assert.deepEqual({ status, output: stdout + stderr }, { status: 0, output: "" }, kind);
    }
  });

  test("promtool accepts the rules, their unit tests and the scrape configuration", async () => {
    for (const args of [
      ["check", "rules", "countersign.rules.yml"],
      ["test", "rules", "countersign.rules.test.yml"],
      ["check", "config", "prometheus.yml"],
    ]) {
      const [verb = "", kind = "", file = ""] = args;
      const { status, stdout, stderr } = await runProgram("/usr/bin/promtool", [verb, kind, join(FOLDER, file)]);
      assert.equal(status, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    }
  });

  test("every panel of the dashboard shows at least one series, and its legend names labels that it has", async () => {
    const targets = DASHBOARD.panels.flatMap(({ title, targets: of = [] }) =>
      of.map((target) => ({ title, ...target })),
    );
    assert.ok(targets.length > 40);
    for (const { title, expr, legendFormat } of targets) {
      const filled = withVariables(expr);
      const series = await eventually(`${title}: ${filled}`, async () => {
        const found = await query(filled);
        return found.length > 0 ? found : undefined;
      });
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(
          series.every(({ metric }) => label in metric),
          `${title} has no label ${label}`,
        );
      }
    }
    for (const { definition } of DASHBOARD.templating.list) {
      const [, selector, label = ""] = /^label_values\((.*), (\w+)\)$/.exec(definition ?? "") ?? [];
      if (selector === undefined) continue;
      const series = await query(withVariables(selector));
      assert.ok(series.length > 0 && series.every(({ metric }) => label in metric), selector);
    }
    assert.equal(DASHBOARD.uid, "countersign");
  });

  test("every rule names metrics and labels that nodes have, and none fails or fires", async () => {
    const rules = await eventually("the rules were evaluated", async () => {
      const all = await listRules();
      return all.length > 0 && all.every(({ health }) => health !== "unknown") && all;
    });
    assert.deepEqual(
      rules.flatMap((rule) => (rule.type === "alerting" ? rule.name : [])).toSorted(),
      ALERTS.toSorted(),
    );
    for (const { name, query: expr, health, lastError, state } of rules) {
      assert.equal(health, "ok", `${name}: ${lastError}`);
      assert.notEqual(state, "firing", name);
      const selectors = selectorsOf(expr);
      assert.ok(selectors.length > 0, expr);
      const labels = new Set<string>();
      for (const selector of selectors) {
        // Its own metrics are checked by themselves. One of them has values only after half an hour.
        const recorded = rules.find((rule) => rule.type === "recording" && selector.split("{")[0] === rule.name);
        if (recorded !== undefined) {
          for (const label of groupingLabelsOf(recorded.query)) labels.add(label);
          continue;
        }
        const series = await eventually(`${name}: ${selector}`, async () => {
          const found = await query(selector);
          return found.length > 0 ? found : undefined;
        });
        for (const label of series.flatMap(({ metric }) => Object.keys(metric))) labels.add(label);
      }
      for (const label of groupingLabelsOf(expr)) assert.ok(labels.has(label), `${name}: ${label}`);
    }
  });

  test("docs/monitoring.md lists every metric of a node with its type, and no other", async () => {
    const [, table = ""] = /<!-- metrics -->([^]*)<!-- \/metrics -->/.exec(readFileSync(PAGE, "utf8")) ?? [];
    const documented = [...table.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`);
    const found = new Set<string>();
    for (const node of Object.values(nodes)) {
      const text = await (await fetch(`${node.adminUrl}/metrics`)).text();
      for (const [, name, type] of text.matchAll(/^# TYPE (countersign_\w+) (\w+)$/gm)) found.add(`${name} ${type}`);
    }
    assert.deepEqual(documented.toSorted(), [...found].toSorted());
  });

  interface Rule {
    readonly type: "alerting" | "recording";
    readonly name: string;
    readonly query: string;
    readonly health: string;
    readonly lastError?: string;
    readonly state?: string;
  }

  async function listRules(): Promise<readonly Rule[]> {
    const answer = await fetch(`${prometheusUrl}/api/v1/rules`);
    const { data } = (await answer.json()) as { data: { groups: readonly { rules: readonly Rule[] }[] } };
    return data.groups.flatMap(({ rules }) => rules);
  }
}

/** Sends each kind of traffic that has labels of its own. @param owner the node whose command line makes the user */
async function useNode(node: TestServer, owner: TestServer, account = "acme"): Promise<void> {
  const user = await createApiUser(owner, { account });
  const { token } = await owner.json<{ token: string }>(...tokenCommand(node, user));
  const check = (credential: string) =>
    fetch(`${node.publicUrl}/api/auth/v0/check/`, { headers: { Authorization: `Token ${credential}` } });
  await eventually("the token is active", async () => (await check(token)).status === 200);
  assert.equal((await check(`${token}x`)).status, 401);
}

/** A self-signed certificate. @returns the settings that name its files */
async function makeCertificate(): Promise<Readonly<Record<string, string>>> {
  const folder = temporaryFolder();
  const [key, certificate] = [join(folder, "tls.key"), join(folder, "tls.crt")];
  const words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-subj", "/CN=localhost"];
  const { status, stderr } = await runProgram("openssl", [...words, "-keyout", key, "-out", certificate]);
  assert.equal(status, 0, stderr);
  return { COUNTERSIGN_TLS_CERT_FILE: certificate, COUNTERSIGN_TLS_KEY_FILE: key };
}

/** Runs the published configuration, with these nodes as targets and a scrape every second. */
async function startPrometheus(
  nodes: readonly TestServer[],
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const folder = temporaryFolder();
  const port = await reservePort();
  cpSync(FOLDER, folder, { recursive: true });
  const published = read("prometheus.yml");
  assert.match(published, /targets: \["127\.0\.0\.1:8081", "127\.0\.0\.1:8091"\]/);
  const targets = nodes.map(({ adminUrl }) => `"${new URL(adminUrl).host}"`).join(", ");
  const configuration = published.replaceAll("15s", "1s").replace(/targets: \[.*\]/, `targets: [${targets}]`);
  writeFileSync(join(folder, "prometheus.yml"), configuration);
  const child = spawn(
    "/usr/bin/prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { env: environment(), stdio: ["ignore", "ignore", "pipe"] },
  );
  endWithThisProcess(child);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const url = `http://127.0.0.1:${port}`;
  await eventually("Prometheus has scraped every node twice", async () => {
    assert.equal(child.exitCode, null, log);
    const expr = encodeURIComponent('count(rate(countersign_ready{job="countersign"}[1m]))');
    const answer = await fetch(`${url}/api/v1/query?query=${expr}`).catch(() => undefined);
    if (answer?.ok !== true) return false;
    const { data } = (await answer.json()) as { data: { result: readonly { value: readonly [number, string] }[] } };
    return Number(data.result[0]?.value[1]) === nodes.length;
  });
  return {
    url,
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function withVariables(expr: string): string {
  const filled = expr
    .replaceAll("$job", "countersign")
    .replaceAll("$instance", ".*")
    .replaceAll(/\$__(?:rate_interval|range)/g, "1m");
  assert.ok(!filled.includes("$"), filled);
  return filled;
}

/** The selectors of an expression, without their ranges. */
function selectorsOf(expr: string): readonly string[] {
  const names = /(?<![\w:])(?:up|(?:\w+:)?(?:countersign|nodejs|process)_[\w:]+)(?:\{[^}]*\})?/g;
  return [...expr.matchAll(names)].map(([selector]) => selector);
}

/** The labels by which an expression groups or joins. */
function groupingLabelsOf(expr: string): readonly string[] {
  return [...expr.matchAll(/\b(?:by|on|without|ignoring) \(([^)]*)\)/g)].flatMap(([, labels = ""]) =>
    labels.split(",").map((label) => label.trim()),
  );
}
