import assert from "node:assert/strict";
import { test } from "node:test";
import { addUpCounters, createMetrics, type Metrics } from "./metrics.ts";

const view = { figures: () => ({ hits: 2, misses: 1, users: 7, revokedTokens: 0 }), feed: { isFresh: () => true } };

/** The figures as processes send them to each other. */
const sent = async (figures: Promise<unknown>): Promise<unknown> => JSON.parse(JSON.stringify(await figures));

/** A process that has issued so many tokens and refused as many assertions. */
function processThatIssued(tokens: number): Metrics {
  const metrics = createMetrics(view);
  for (let issued = 0; issued < tokens; issued++) {
    metrics.tokenIssued();
    metrics.refused("exchange", "assertion_stale");
    metrics.requestEnded("check", 3);
  }
  return metrics;
}

const lineOf = (text: string, name: string) => text.split("\n").find((line) => line.startsWith(`${name} `));

test("a dead process's counters stay in the sum, and its gauges don't", async () => {
  const dead = addUpCounters([
    addUpCounters([]),
    await sent(processThatIssued(2).figures()),
    await sent(processThatIssued(3).counters()),
  ]);
  const living = processThatIssued(10);
  const text = await createMetrics(view, { gather: async () => [await sent(living.figures()), dead] }).text();
  assert.equal(lineOf(text, "countersign_tokens_issued_total"), "countersign_tokens_issued_total 15");
  assert.equal(lineOf(text, "countersign_view_hits_total"), "countersign_view_hits_total 6");
  for (const line of [
    'countersign_refusals_total{route="exchange",code="assertion_stale"} 15',
    'countersign_request_duration_seconds_bucket{le="0.005",route="check"} 15',
    'countersign_request_duration_seconds_count{route="check"} 15',
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
  assert.equal(lineOf(text, "countersign_view_users"), "countersign_view_users 7");
  assert.match(text, /^process_cpu_seconds_total [0-9.]+$/m);
});

test("the figures that only grow are counters", async () => {
  const metrics = processThatIssued(1);
  const kinds = new Set(((await metrics.counters()) as { type: string }[]).map(({ type }) => type));
  assert.deepEqual(kinds, new Set(["counter", "histogram"]));
});

test("weak keys are counted by weakness, once among several processes; without the store, only they are missing", async () => {
  const roca = createMetrics(view, { countWeakKeys: () => Promise.resolve(new Map([["roca", 2]])) });
  const both = [await sent(roca.figures()), await sent(roca.figures())];
  const text = await createMetrics(view, { gather: () => Promise.resolve(both) }).text();
  assert.ok(text.includes('countersign_weak_keys{weakness="roca"} 2\n'));
  assert.ok(text.includes('countersign_weak_keys{weakness="prime"} 0\n'));
  const unreachable = createMetrics(view, {
    countWeakKeys: () => Promise.reject(new Error("the store can't be reached")),
  });
  const rest = await unreachable.text();
  assert.ok(!rest.includes("countersign_weak_keys{"));
  assert.equal(lineOf(rest, "countersign_view_users"), "countersign_view_users 7");
});

test("jobs, signing keys and readiness have metrics, and one that can't be read is only missing", async () => {
  const metrics = createMetrics(view, {
    readiness: () => Promise.resolve({ ready: false, reason: "stopping" }),
    build: { version: "1.2.3", store: "sqlite" },
    signingKeys: () => Promise.resolve({ waiting: 1, active: 2, retired: 3, signsSinceMs: 5500 }),
  });
  assert.doesNotMatch(await metrics.text(), /^countersign_job_/m);
  metrics.watchJobs(() => Promise.resolve([{ name: "audit", intervalMs: 60_000, ranAtMs: null }]));
  const text = await metrics.text();
  for (const line of [
    "countersign_ready 0",
    'countersign_build_info{version="1.2.3",store="sqlite"} 1',
    'countersign_signing_keys{state="waiting"} 1',
    "countersign_signing_key_activated_timestamp_seconds 5.5",
    'countersign_job_last_run_timestamp_seconds{job_name="audit"} 0',
    'countersign_job_interval_seconds{job_name="audit"} 60',
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
});

test("refusals of which one is worth an alert are counted from zero, so that the first one is an increase", async () => {
  const text = await createMetrics(view).text();
  assert.ok(text.includes('countersign_refusals_total{route="check",code="unavailable"} 0\n'));
  assert.ok(text.includes('countersign_webhook_attempts_total{outcome="delivered"} 0\n'));
});
