/** Webhook endpoints, through the real listener. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { isSignedWith, startWebhookReceiver } from "../../../../../../test/testkit/webhook-receiver.ts";
import { startOwnersConsole } from "../../../testing/test-console.ts";

const { console, ask } = await startOwnersConsole();
const receiver = await startWebhookReceiver();
after(async () => {
  await console.close();
  await receiver.close();
});

async function create(body: Readonly<Record<string, unknown>> = {}) {
  const made = await ask("POST", "/webhooks", { url: receiver.url, ...body });
  assert.equal(made.status, 201, made.body);
  return { data: made.json.data, etag: made.headers["etag"] ?? "", location: made.headers["location"] };
}

describe("a webhook endpoint", () => {
  test("is created with its secret, which no other answer has, and gets everything by default", async () => {
    const { data, etag, location } = await create({ label: "ops" });
    assert.match(data.secret, /^whsec_/);
    assert.equal(location, `/api/admin/v1/webhooks/${data.id}`);
    const { secret, ...rest } = data;
    const got = await ask("GET", `/webhooks/${data.id}`);
    assert.deepEqual(got.json.data, rest);
    assert.equal(got.headers["etag"], etag);
    assert.deepEqual([rest.events, rest.account, rest.status, rest.disabled_reason], [["*"], null, "active", null]);
    const list = await ask("GET", "/webhooks");
    assert.ok(!list.body.includes(secret) && !list.body.includes("secret_salt"));
    assert.ok(!console.log().includes(secret));
  });

  test("is created once under its Idempotency-Key; the retry doesn't repeat the secret", async () => {
    const headers = { "Idempotency-Key": "w-1" };
    const body = { url: receiver.url, events: ["key.*"] };
    const first = await ask("POST", "/webhooks", body, headers);
    const again = await ask("POST", "/webhooks", body, headers);
    assert.deepEqual([first.status, again.status], [201, 201]);
    assert.equal(again.json.data.id, first.json.data.id);
    assert.equal(again.json.data.secret, null);
    assert.equal(again.json.meta.warnings[0].code, "secret_not_repeated");
    assert.equal((await ask("POST", "/webhooks", { url: receiver.url }, headers)).code, "idempotency_key_reused");
  });

  test("is refused with a URL that may not be reached, an unknown event, an unknown account; each names its field", async () => {
    for (const [body, field] of [
      [{ url: "http://169.254.169.254/latest/meta-data" }, "/url"],
      [{ url: "https://10.0.0.1/" }, "/url"],
      [{ url: "https://0x7f.0.0.2/" }, "/url"],
      [{ url: "http://8.8.8.8/" }, "/url"],
      [{ url: "not a url" }, "/url"],
      [{ url: "https://u:p@hooks.example/" }, "/url"],
      [{ url: receiver.url, events: ["key.nonsense"] }, "/events"],
      [{ url: receiver.url, events: [] }, "/events"],
      [{ url: receiver.url, events: "key.*" }, "/events"],
      [{ url: receiver.url, account: "absent" }, "/account"],
      [{ url: receiver.url, secret: "whsec_x" }, "/secret"],
    ] as const) {
      const { status, code, json } = await ask("POST", "/webhooks", body);
      assert.deepEqual([status, code, json.meta.errors[0].field], [422, "field_invalid", field], JSON.stringify(body));
    }
  });

  test("is refused with a list of events that is empty or too long, in words", async () => {
    for (const [count, message] of [
      [0, '"events" must have at least 1 item(s).'],
      [201, '"events" must have at most 200 items.'],
    ] as const) {
      const { json } = await ask("POST", "/webhooks", { url: receiver.url, events: Array(count).fill("key.added") });
      assert.equal(json.meta.errors[0].message, message);
    }
  });

  test("is changed only as it was read; a whole resource may be sent back with one member changed", async () => {
    const { data, etag } = await create();
    const path = `/webhooks/${data.id}`;
    const whole = (await ask("GET", path)).json.data;
    const changed = await ask("PATCH", path, { ...whole, events: ["user.*"] }, { "If-Match": etag });
    assert.equal(changed.status, 200, changed.body);
    assert.deepEqual(changed.json.data.events, ["user.*"]);
    assert.equal((await ask("PATCH", path, { label: "x" }, { "If-Match": etag })).status, 412);
    assert.equal((await ask("PATCH", path, { created_by: "me" })).code, "field_invalid");
    assert.equal((await ask("PATCH", path, { url: "https://192.168.0.1/" })).code, "field_invalid");
    assert.equal((await ask("PATCH", path, { skip_pending: true, status: "deactivated" })).code, "field_invalid");
    const off = await ask("PATCH", path, { status: "deactivated" });
    assert.equal(off.json.data.status, "deactivated");
    const on = await ask("PATCH", path, { status: "active", skip_pending: true });
    assert.equal(on.json.data.status, "active");
  });

  test("gets a new secret once under an Idempotency-Key, and the previous one has an end", async () => {
    const { data, etag } = await create();
    const path = `/webhooks/${data.id}/secret`;
    const headers = { "Idempotency-Key": "w-2", "If-Match": etag };
    const first = await ask("POST", path, { overlap_seconds: 60 }, headers);
    assert.equal(first.status, 200, first.body);
    assert.match(first.json.data.secret, /^whsec_/);
    assert.notEqual(first.json.data.secret, data.secret);
    const endsAtMs = Date.parse(first.json.data.previous_secret_ends_at);
    assert.equal(endsAtMs, console.clock.wallMs() + 60_000);
    const again = await ask("POST", path, { overlap_seconds: 60 }, headers);
    assert.equal(again.json.data.secret, null);
    assert.equal(again.json.data.previous_secret_ends_at, first.json.data.previous_secret_ends_at);
    assert.equal((await ask("POST", path, {}, { "If-Match": etag })).status, 412);
    const later = await ask("POST", path, {});
    assert.equal(Date.parse(later.json.data.previous_secret_ends_at), console.clock.wallMs() + 86_400_000);
  });

  test("is tested at once, with the result in words, and without a trace among its deliveries", async () => {
    const { data } = await create();
    const count = receiver.messages.length;
    const good = await ask("POST", `/webhooks/${data.id}/test`);
    assert.equal(good.status, 200, good.body);
    const { outcome, http_status, duration_ms, message } = good.json.data;
    assert.deepEqual([outcome, http_status, message], ["delivered", 204, "The receiver accepted it with status 204."]);
    assert.ok(Number.isInteger(duration_ms));
    const [received] = receiver.messages.slice(count);
    assert.ok(received !== undefined && isSignedWith(data.secret, received, console.clock.wallMs()));
    assert.deepEqual([received.type, received.data.webhook_id], ["webhook.test", data.id]);
    receiver.answerWith(500);
    const bad = await ask("POST", `/webhooks/${data.id}/test`);
    assert.deepEqual(
      [bad.status, bad.json.data.outcome, bad.json.data.message],
      [200, "http_status", "The receiver answered with status 500; 200 to 299 is needed."],
    );
    const { json } = await ask("GET", `/webhooks/${data.id}/deliveries`);
    assert.deepEqual([json.data, json.meta.count], [[], 0]);
  });

  test("has its deliveries listed in pages, newest first", async () => {
    const { data } = await create();
    const { webhooks } = console.registry.store;
    const { position } = (await webhooks.load(data.id)) ?? assert.fail();
    for (let index = 0; index < 3; index++) {
      const delivery = {
        webhookId: data.id,
        seq: position + index + 1,
        action: "key.added",
        messageId: `msg_${index}`,
      };
      const attempt = {
        attempt: 1,
        atMs: 1000 * index,
        outcome: "timed_out",
        httpStatus: null,
        durationMs: 15_000,
      } as const;
      const state = { position: position + index + 1, attempts: 0, failingSinceMs: null, nextAttemptAtMs: null };
      await webhooks.record({ ...delivery, ...attempt }, position + index, { ...state, lastDeliveredAtMs: null });
    }
    const first = await ask("GET", `/webhooks/${data.id}/deliveries?limit=2`);
    assert.equal(first.json.meta.count, 3);
    assert.deepEqual(
      first.json.data.map((delivery: { message_id: string }) => delivery.message_id),
      ["msg_2", "msg_1"],
    );
    const { message, outcome, http_status, duration_ms, at } = first.json.data[1];
    assert.deepEqual(
      [message, outcome, http_status, duration_ms, at],
      ["The receiver didn't answer in time.", "timed_out", null, 15_000, "1970-01-01T00:00:01.000Z"],
    );
    const next = await ask("GET", first.json.meta.next.replace("/api/admin/v1", ""));
    assert.equal(next.json.data.length, 1);
  });

  test("that doesn't exist isn't found, by any request", async () => {
    for (const [method, path, body] of [
      ["GET", "/webhooks/999", undefined],
      ["PATCH", "/webhooks/999", { label: "x" }],
      ["POST", "/webhooks/999/secret", {}],
      ["POST", "/webhooks/999/test", undefined],
      ["GET", "/webhooks/999/deliveries", undefined],
    ] as const) {
      assert.equal((await ask(method, path, body)).status, 404, path);
    }
  });
});
