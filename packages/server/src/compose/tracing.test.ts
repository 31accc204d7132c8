import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Job } from "../core/jobs/job-runner.ts";
import { Refusal } from "../core/refusal.ts";
import type { Failure, SpanAttributes, Tracer } from "../core/tracer.ts";
import { traceDeliveries, traceJobs, traceSender, traceStore } from "./tracing.ts";

interface SeenSpan {
  readonly name: string;
  attributes: SpanAttributes;
  failure: Failure | undefined;
}

/** A tracer that keeps what it is given. */
function seeingTracer(): { tracer: Tracer; spans: readonly SeenSpan[] } {
  const spans: SeenSpan[] = [];
  const tracer: Tracer = {
    begin(_kind, name, attributes) {
      const span: SeenSpan = { name, attributes, failure: undefined };
      spans.push(span);
      return {
        run: (work) => work(),
        rename: () => undefined,
        set(more) {
          span.attributes = { ...span.attributes, ...more };
        },
        end(failure) {
          span.failure = failure;
        },
      };
    },
    step(name, work, attributes = {}) {
      spans.push({ name, attributes, failure: undefined });
      return work();
    },
    currentIds: () => undefined,
    contextHeaders: () => ({ traceparent: "00-a-b-01" }),
  };
  return { tracer, spans };
}

describe("without a tracer", () => {
  test("nothing is wrapped", () => {
    const store = { engine: "sqlite", users: { find: () => Promise.resolve(1) } };
    assert.equal(traceStore(undefined, store), store);
    const jobs: readonly Job[] = [];
    assert.equal(traceJobs(undefined, jobs), jobs);
    const sender = { send: () => Promise.reject(new Error()), findUrlProblem: () => Promise.resolve(undefined) };
    assert.equal(traceSender(undefined, sender), sender);
  });
});

describe("a traced store", () => {
  test("has a span for each call, named by the method, without its parameters", async () => {
    const { tracer, spans } = seeingTracer();
    const store = traceStore(tracer, {
      engine: "postgres",
      users: { find: (name: string) => Promise.resolve(`user ${name}`) },
      close: () => Promise.resolve(),
      writeProblem: () => "the disk is full",
    });
    assert.equal(await store.users.find("a-secret"), "user a-secret");
    await store.close();
    assert.equal(store.writeProblem(), "the disk is full");
    assert.equal(store.engine, "postgres");
    assert.deepEqual(spans, [
      {
        name: "store users.find",
        attributes: { "db.system.name": "postgresql", "db.operation.name": "users.find" },
        failure: undefined,
      },
      {
        name: "store close",
        attributes: { "db.system.name": "postgresql", "db.operation.name": "close" },
        failure: undefined,
      },
    ]);
  });
});

describe("a traced webhook", () => {
  const webhook = { url: "https://receiver/a-secret", secret: { salt: "", fingerprint: "" }, previousSecret: null };
  const message = { id: "msg_1", body: "a-secret" };

  test("has a span with the outcome, and nothing of the endpoint or the message", async () => {
    const { tracer, spans } = seeingTracer();
    const deliver = traceDeliveries(tracer, () =>
      Promise.resolve({ outcome: "timed_out", httpStatus: null, durationMs: 1, retryAfterMs: 0 }),
    );
    assert.equal((await deliver(webhook, message)).outcome, "timed_out");
    assert.deepEqual(spans, [
      {
        name: "deliver webhook",
        attributes: { "http.request.method": "POST" },
        failure: { type: "timed_out", isFault: true },
      },
    ]);
  });

  test("sends the trace's context beside its own headers", async () => {
    const { tracer } = seeingTracer();
    const sent: Readonly<Record<string, string>>[] = [];
    const sender = traceSender(tracer, {
      send({ headers }) {
        sent.push(headers);
        return Promise.resolve({ outcome: "delivered", httpStatus: 204 });
      },
      findUrlProblem: () => Promise.resolve(undefined),
    });
    await sender.send({ url: webhook.url, headers: { "webhook-id": "msg_1" }, body: "" });
    assert.deepEqual(sent, [{ "webhook-id": "msg_1", traceparent: "00-a-b-01" }]);
  });
});

test("each run of a job has a span, which says how the run failed", async () => {
  const { tracer, spans } = seeingTracer();
  const failure = new Refusal("unavailable", "the store is away");
  const job: Job = {
    name: "audit",
    intervalMs: 1,
    needsClock: false,
    run: () => (spans.length === 1 ? Promise.resolve(7) : Promise.reject(failure)),
  };
  const [traced] = traceJobs(tracer, [job]);
  const lease = {
    signal: new AbortController().signal,
    position: null,
    renew: () => Promise.resolve(),
    hold: () => Promise.resolve(),
  };
  assert.equal(await traced?.run(lease), 7);
  await assert.rejects(traced?.run(lease) ?? Promise.resolve(), failure);
  assert.deepEqual(spans, [
    { name: "job audit", attributes: { "countersign.job": "audit" }, failure: undefined },
    {
      name: "job audit",
      attributes: { "countersign.job": "audit" },
      failure: { type: "unavailable", isFault: true },
    },
  ]);
});
