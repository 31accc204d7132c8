/** The worker on a real store, with a real receiver, by a clock that the tests set. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  isSignedWith,
  startWebhookReceiver,
  type WebhookReceiver,
} from "../../../../../test/testkit/webhook-receiver.ts";
import { createSystemRandom } from "../../platform/random.ts";
import { createDemoUser } from "../../testing/test-changes.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { startTestWebhooks, type TestWebhooks } from "../../testing/test-webhooks.ts";
import { unrestrictedAuthor } from "../change/change-tx.ts";
import { createJobRunner } from "../jobs/job-runner.ts";
import { createExpiryReminders } from "../keys/notices/remind-of-expiries.ts";
import { changeWebhook, rotateWebhookSecret, type WebhookPatch } from "./changes.ts";
import { WEBHOOK_LEASE_MS } from "./lease.ts";
import type { Webhook, WebhookId } from "./model.ts";

const DAY_SECONDS = 86_400;

let registry: TestRegistry;
let receiver: WebhookReceiver;
let hooks: TestWebhooks;
beforeEach(async () => {
  registry = await openTestRegistry();
  receiver = await startWebhookReceiver();
  hooks = await startTestWebhooks(registry.store, registry.clock);
});
afterEach(async () => {
  await hooks.worker.stop();
  assert.deepEqual(hooks.errors, []);
  await receiver.close();
  await registry.close();
});

let accounts = 0;
/** Appends so many events `account.created`. @returns their shortnames */
async function addEvents(count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, () => `a${++accounts}`);
  for (const shortname of names) await registry.changes.createAccount("cli:alice", { shortname });
  return names;
}

const change = (id: WebhookId, patch: WebhookPatch) =>
  hooks.commit((tx) => changeWebhook(tx, id, patch), { author: unrestrictedAuthor("test") });
const failureOf = ({ attempts, failingSinceMs, nextAttemptAtMs }: Webhook) => [
  attempts,
  failingSinceMs,
  nextAttemptAtMs,
];
const shortnames = (messages = receiver.messages) => messages.map(({ data }) => data.details.shortname);

describe("an endpoint", () => {
  test("gets each event once, in order, signed, as the audit log shows it; and nothing from before its creation", async () => {
    await addEvents(2);
    const { secret } = await hooks.create({ url: `${receiver.url}in?token=x` });
    const names = await addEvents(3);
    await hooks.settle();
    assert.deepEqual(shortnames(), names);
    for (const message of receiver.messages) {
      assert.ok(isSignedWith(secret, message, registry.clock.wallMs()));
      assert.deepEqual([message.type, message.path], ["account.created", "/in?token=x"]);
      assert.equal(message.headers["content-type"], "application/json");
      const [event] = await registry.store.events.after(message.data.seq - 1, 1);
      assert.equal(message.data.hash, event?.hash);
    }
    await hooks.settle();
    assert.equal(receiver.messages.length, 3);
  });

  test("gets the events that its filter chooses", async () => {
    await hooks.create({ url: receiver.url, events: ["user.*", "account.deactivated"] });
    await registry.changes.createAccount("test", { shortname: "acme" });
    await registry.changes.createUser("test", { name: "demo", account: "acme", access: "full" });
    await registry.changes.setAccountStanding("test", "acme", "deactivated");
    await registry.changes.setAccountStanding("test", "acme", "active");
    await hooks.settle();
    assert.deepEqual(
      receiver.messages.map(({ type }) => type),
      ["user.created", "account.deactivated"],
    );
  });

  test("of one account gets that account's events only, without hashes", async () => {
    await registry.changes.createAccount("test", { shortname: "acme" });
    await registry.changes.createAccount("test", { shortname: "other" });
    await hooks.create({ url: receiver.url, account: "acme" });
    for (const account of ["other", "acme"]) {
      await registry.changes.createUser("test", { name: "demo", account, access: "full" });
    }
    await registry.changes.setAccountStanding("test", "other", "deactivated");
    await hooks.create({ url: `${receiver.url}for-all`, events: ["account.activated"] });
    await hooks.settle();
    assert.deepEqual(
      receiver.messages.map(({ data }) => [data.subject, data.hash]),
      [["user:2", null]],
    );
  });

  test("that fails holds its next events back, and gets all of them in order later, under the same ids", async () => {
    const { id, secret } = await hooks.create({ url: receiver.url });
    receiver.answerWith(500, 404, 301, 204, 503);
    const names = await addEvents(3);
    await hooks.settle();
    assert.deepEqual(shortnames(), [names[0]]);
    await hooks.settle();
    assert.equal(receiver.messages.length, 1, "nothing is tried before its time");
    assert.deepEqual(hooks.worker.figures(), { lagSeconds: 0, failing: 1 });
    for (let turn = 0; turn < 6; turn++) {
      registry.clock.advanceSeconds(60);
      await hooks.settle();
    }
    const [first, second, third] = names;
    assert.deepEqual(shortnames(), [first, first, first, first, second, second, third]);
    assert.equal(new Set(receiver.messages.map((message) => message.id)).size, 3);
    assert.equal(new Set(receiver.messages.map(({ body }) => body)).size, 3);
    const { items } = await registry.store.webhooks.deliveries(id, { limit: 10 });
    assert.deepEqual(
      items.toReversed().map(({ outcome, httpStatus, attempt }) => [outcome, httpStatus, attempt]),
      [
        ["http_status", 500, 1],
        ["http_status", 404, 2],
        ["redirected", 301, 3],
        ["delivered", 204, 4],
        ["http_status", 503, 1],
        ["delivered", 204, 2],
        ["delivered", 204, 1],
      ],
    );
    const { attempts, failingSinceMs, nextAttemptAtMs } = await hooks.load(id);
    assert.deepEqual([attempts, failingSinceMs, nextAttemptAtMs], [0, null, null]);
    assert.deepEqual(hooks.worker.figures(), { lagSeconds: 0, failing: 0 });
    // Each attempt is signed at its own time.
    assert.ok(isSignedWith(secret, receiver.messages.at(-1) ?? assert.fail(), registry.clock.wallMs()));
  });

  test("that hangs doesn't delay another", async () => {
    const hanging = Promise.withResolvers<() => void>();
    receiver.answerAlways((response, { path }) => {
      if (path === "/hanging") hanging.resolve(() => response.writeHead(204).end());
      else response.writeHead(204).end();
    });
    await hooks.create({ url: `${receiver.url}hanging`, events: ["account.*"] });
    await hooks.create({ url: `${receiver.url}quick`, events: ["account.*"] });
    await addEvents(2);
    await hooks.feed.catchUp();
    const end = await hanging.promise;
    await receiver.waitFor(3);
    assert.deepEqual(receiver.messages.map(({ path }) => path).toSorted(), ["/hanging", "/quick", "/quick"]);
    receiver.answerAlways(undefined);
    end();
    await hooks.settle();
    assert.equal(receiver.messages.length, 4);
  });

  test("waits as long as its receiver asks for, within bounds", async () => {
    const { id } = await hooks.create({ url: receiver.url });
    receiver.answerWith((response) => response.writeHead(429, { "Retry-After": "600" }).end());
    await addEvents(1);
    await hooks.settle();
    assert.equal((await hooks.load(id)).nextAttemptAtMs, registry.clock.wallMs() + 600_000);
    registry.clock.advanceSeconds(599);
    await hooks.settle();
    assert.equal(receiver.messages.length, 1);
    registry.clock.advanceSeconds(1);
    await hooks.settle();
    assert.equal(receiver.messages.length, 2);
  });
});

describe("an endpoint that fails for 3 days", () => {
  test("is tried again when a clock that was ahead is set right, and its 3 days begin then", async () => {
    const { id } = await hooks.create({ url: receiver.url });
    const nowMs = registry.clock.wallMs();
    const yearMs = 365 * DAY_SECONDS * 1000;
    receiver.answerAlways(500);
    registry.clock.setMicroseconds((nowMs + yearMs) * 1000);
    await addEvents(1);
    await hooks.settle();
    registry.clock.setMicroseconds(nowMs * 1000);
    registry.clock.advanceSeconds(15);
    await hooks.settle();
    assert.equal(receiver.messages.length, 2);
    assert.equal((await hooks.load(id)).failingSinceMs, registry.clock.wallMs());
  });

  test("is disabled with an event, which others get; then it is resumed where it was, or from now on", async () => {
    await hooks.create({ url: `${receiver.url}watcher`, events: ["webhook.disabled", "webhook.activated"] });
    const { id } = await hooks.create({ url: `${receiver.url}down?token=secret`, label: "down" });
    receiver.answerAlways((response, { path }) => response.writeHead(path.startsWith("/down") ? 500 : 204).end());
    const names = await addEvents(2);
    const startMs = registry.clock.wallMs();
    let attempts = 0;
    while ((await hooks.load(id)).status === "active") {
      await hooks.settle();
      attempts++;
      const { nextAttemptAtMs } = await hooks.load(id);
      if (nextAttemptAtMs !== null) registry.clock.advanceSeconds((nextAttemptAtMs - registry.clock.wallMs()) / 1000);
    }
    const days = (registry.clock.wallMs() - startMs) / 1000 / DAY_SECONDS;
    assert.ok(days >= 3 && days < 3 + 1 / 24, `after ${days} days`);
    assert.ok(attempts > 70 && attempts < 110, `after ${attempts} attempts`);
    assert.deepEqual(
      new Set(shortnames(receiver.messages.filter(({ path }) => path !== "/watcher"))),
      new Set([names[0]]),
    );
    await hooks.settle();
    const told = receiver.messages.filter(({ path }) => path === "/watcher");
    assert.deepEqual(
      told.map(({ type, data }) => [type, data.actor, data.subject, data.details]),
      [["webhook.disabled", "system", `webhook:${id}`, { origin: new URL(receiver.url).origin, reason: "failing" }]],
    );
    assert.equal((await hooks.load(id)).disabledReason, "failing");
    const more = await addEvents(1);
    registry.clock.advanceSeconds(DAY_SECONDS);
    await hooks.settle();

    receiver.answerAlways(undefined);
    const before = receiver.messages.length;
    await change(id, { status: "active" });
    await hooks.settle();
    const resumed = receiver.messages.slice(before).filter(({ path }) => path !== "/watcher");
    assert.deepEqual(
      resumed.map(({ type, data }) => data.details.shortname ?? type),
      [...names, ...more, "webhook.activated"],
      "nothing was lost, and it isn't told that it was disabled",
    );

    await change(id, { status: "deactivated" });
    await addEvents(2);
    await change(id, { status: "active", skipPending: true });
    const [last] = await addEvents(1);
    const count = receiver.messages.length;
    await hooks.settle();
    assert.deepEqual(
      receiver.messages
        .slice(count)
        .filter(({ path }) => path !== "/watcher")
        .map(({ data }) => data.details.shortname),
      [last],
    );
  });

  test("and whose receiver answers 410 is disabled at once", async () => {
    const { id } = await hooks.create({ url: receiver.url });
    receiver.answerWith(410);
    await addEvents(2);
    await hooks.settle();
    const { status, disabledReason } = await hooks.load(id);
    assert.deepEqual([status, disabledReason, receiver.messages.length], ["deactivated", "gone", 1]);
    const { action, details } = (await registry.store.events.after(0, 100)).at(-1) ?? assert.fail();
    assert.deepEqual([action, details["reason"]], ["webhook.disabled", "gone"]);
  });
});

describe("a change of an endpoint", () => {
  test("holds from the next delivery on: its URL, its filter, its deactivation", async () => {
    const { id } = await hooks.create({ url: `${receiver.url}old` });
    receiver.answerWith(500);
    await addEvents(1);
    await hooks.settle();
    await change(id, { url: `${receiver.url}new`, events: ["account.*"] });
    assert.deepEqual(failureOf(await hooks.load(id)), [0, null, null], "a new URL is tried at once");
    await hooks.settle();
    assert.deepEqual(
      receiver.messages.map(({ path, type }) => [path, type]),
      [
        ["/old", "account.created"],
        ["/new", "account.created"],
      ],
    );
    await change(id, { status: "deactivated" });
    await addEvents(1);
    await hooks.settle();
    assert.equal(receiver.messages.length, 2);
  });

  test("that gives it another URL during a delivery isn't delayed by the failure of that delivery", async () => {
    const { id } = await hooks.create({ url: `${receiver.url}old`, events: ["account.*"] });
    receiver.answerWith((response) => {
      void change(id, { url: `${receiver.url}new` }).then(() => response.writeHead(500).end());
    });
    await addEvents(1);
    await hooks.settle();
    assert.deepEqual(
      receiver.messages.map(({ path }) => path),
      ["/old", "/new"],
    );
    assert.deepEqual(failureOf(await hooks.load(id)), [0, null, null]);
  });

  test("that deactivates it leaves no time of a next attempt, as there is none", async () => {
    const { id } = await hooks.create({ url: receiver.url });
    receiver.answerWith(500);
    await addEvents(1);
    await hooks.settle();
    const sinceMs = registry.clock.wallMs();
    await change(id, { status: "deactivated" });
    assert.deepEqual(failureOf(await hooks.load(id)), [1, sinceMs, null]);
  });

  test("that rotates its secret signs with both until the overlap ends, then with the new one alone", async () => {
    const { id, secret } = await hooks.create({ url: receiver.url, events: ["account.*"] });
    const source = { masterSecret: TEST_MASTER_SECRET, random: createSystemRandom() };
    const { result } = await hooks.commit((tx) => rotateWebhookSecret(tx, id, 60_000, source), {
      author: unrestrictedAuthor("test"),
    });
    assert.notEqual(result.secret, secret);
    const signed = async () => {
      await addEvents(1);
      await hooks.settle();
      const message = receiver.messages.at(-1) ?? assert.fail();
      return [secret, result.secret].map((each) => isSignedWith(each, message, registry.clock.wallMs()));
    };
    assert.deepEqual(await signed(), [true, true]);
    registry.clock.advanceSeconds(59);
    assert.deepEqual(await signed(), [true, true]);
    registry.clock.advanceSeconds(1);
    assert.deepEqual(await signed(), [false, true]);
  });
});

describe("a node that delivers", () => {
  test("is the only one: another delivers nothing while it lives, and goes on at once when it stops", async () => {
    await hooks.create({ url: receiver.url, events: ["account.*"] });
    const second = await startTestWebhooks(await registry.connect(), registry.clock, "node 2");
    const names = [...(await addEvents(20))];
    await Promise.all([hooks.settle(), second.settle()]);
    await Promise.all([hooks.settle(), second.settle()]);
    assert.deepEqual(shortnames(), names);
    assert.ok(hooks.outcomes.length === 0 || second.outcomes.length === 0);
    const [first, other] = hooks.outcomes.length > 0 ? [hooks, second] : [second, hooks];
    await first.worker.stop();
    names.push(...(await addEvents(5)));
    registry.clock.advanceSeconds(15);
    await other.settle();
    assert.deepEqual(shortnames(), names);
    await second.worker.stop();
    assert.deepEqual(second.errors, []);
  });

  test("and dies in a delivery is replaced when its lease ends; the event comes again, under the same id", async () => {
    await hooks.create({ url: receiver.url, events: ["account.*"] });
    const dead = await startTestWebhooks(await registry.connect(), registry.clock, "dead");
    await hooks.worker.stop();
    receiver.answerWith(() => undefined);
    const names = await addEvents(3);
    await dead.feed.catchUp();
    dead.worker.tick();
    await receiver.waitFor(1);
    hooks = await startTestWebhooks(registry.store, registry.clock, "node 3");
    await hooks.settle();
    assert.equal(receiver.messages.length, 1, "the lease hasn't ended");
    registry.rewrite(`update jobs set held_until_ms = held_until_ms - ${WEBHOOK_LEASE_MS}`);
    registry.clock.advanceSeconds(15);
    await hooks.settle();
    assert.deepEqual(shortnames(), [names[0], ...names]);
    assert.equal(receiver.messages[0]?.id, receiver.messages[1]?.id);
    await dead.worker.stop();
  });

  test("and can't record a delivery repeats the event once it can, under the same id, and reports the failure", async () => {
    const { store, clock } = registry;
    await hooks.create({ url: receiver.url, events: ["account.*"] });
    await hooks.worker.stop();
    let isFull = true;
    const webhooks: typeof store.webhooks = {
      ...store.webhooks,
      record: (...args) => (isFull ? Promise.reject(new Error("the disk is full")) : store.webhooks.record(...args)),
    };
    const node = await startTestWebhooks({ ...store, webhooks }, clock, "node 4");
    const names = await addEvents(2);
    await node.settle();
    assert.deepEqual(shortnames(), names.slice(0, 1));
    assert.deepEqual(node.errors.map(String), ["Error: the disk is full"]);
    isFull = false;
    clock.advanceSeconds(15);
    await node.settle();
    assert.deepEqual(shortnames(), [names[0], ...names]);
    assert.equal(receiver.messages[0]?.id, receiver.messages[1]?.id);
    await node.worker.stop();
  });

  test("that stops ends a delivery in progress at once, and doesn't count it as a failure", async () => {
    const { id } = await hooks.create({ url: receiver.url, events: ["account.*"] });
    receiver.answerWith(() => undefined);
    await addEvents(1);
    await hooks.feed.catchUp();
    await receiver.waitFor(1);
    await hooks.worker.stop();
    const { attempts, position } = await hooks.load(id);
    assert.equal(attempts, 0);
    assert.equal((await registry.store.webhooks.deliveries(id, { limit: 1 })).items.length, 0);
    assert.ok(position < (await registry.store.events.last()).seq);
  });

  test("whose secret derives from a master secret that is gone sends nothing unsigned, and says why", async () => {
    const { id } = await hooks.create({ url: receiver.url, events: ["account.*"] });
    registry.rewrite("update webhooks set secret_fingerprint = '0011223344556677'");
    await addEvents(1);
    await hooks.settle();
    assert.equal(receiver.messages.length, 0);
    const { items } = await registry.store.webhooks.deliveries(id, { limit: 1 });
    assert.deepEqual([items[0]?.outcome, (await hooks.load(id)).attempts], ["secret_missing", 1]);
  });

  test("finds an event by looking into the store from time to time, even if the feed didn't report it", async () => {
    await hooks.create({ url: receiver.url, events: ["account.*"] });
    const names = await addEvents(1);
    hooks.worker.tick();
    await hooks.worker.settled();
    registry.clock.advanceSeconds(15);
    hooks.worker.tick();
    await hooks.worker.settled();
    assert.deepEqual(shortnames(), names);
  });

  test("remembers how far it looked for an endpoint with a narrow filter, so that a restart doesn't read the whole log", async () => {
    const { id } = await hooks.create({ url: receiver.url, events: ["signing_key.retired"] });
    await addEvents(150);
    await hooks.settle();
    const { position } = await hooks.load(id);
    const { seq } = await registry.store.events.last();
    assert.ok(seq - position < 100, `${position} of ${seq}`);
    assert.equal(receiver.messages.length, 0);
  });
});

describe("reminders of a key's expiry", () => {
  test("arrive 30, 7 and 1 days before, signed, once each, although the receiver fails for hours at a time", async () => {
    const { clock, store, changes } = registry;
    await createDemoUser(changes);
    const { secret } = await hooks.create({ url: receiver.url, events: ["key.expiring"] });
    const { id } = await changes.addKey("test", { username: "api-1-demo", text: rsaKeyPair("bob").publicPem });
    const expiresAtMs = clock.wallMs() + 40 * DAY_SECONDS * 1000;
    await changes.changeKey("test", id, { expiresAtMs });
    const pause = () => Promise.resolve();
    const job = createExpiryReminders({ store, clock, commit: hooks.commit, pause });
    const runner = createJobRunner({ store, clock, holder: "node 1" }, job);
    const arrived: [daysBefore: number, saidDays: number][] = [];
    for (let hour = 0; hour < 41 * 24; hour += 3) {
      // Down for six hours of each day.
      const isDown = hour % 24 < 6;
      receiver.answerAlways(isDown ? 503 : 204);
      const seen = receiver.messages.length;
      await runner.runIfDue();
      await hooks.settle();
      for (const message of receiver.messages.slice(seen)) {
        assert.ok(isSignedWith(secret, message, clock.wallMs()));
        const { subject, details } = message.data;
        assert.deepEqual([message.type, subject, details.username], ["key.expiring", `key:${id}`, "api-1-demo"]);
        if (!isDown) arrived.push([(expiresAtMs - clock.wallMs()) / 1000 / DAY_SECONDS, details.days]);
      }
      clock.advanceSeconds(3 * 3600);
    }
    assert.deepEqual(
      arrived.map(([, said]) => said),
      [30, 7, 1],
    );
    for (const [before, said] of arrived) assert.ok(before <= said && before > said - 0.5, `${before} of ${said} days`);
  });
});

describe("a store that lost its last events", () => {
  test("gives the events that follow other message ids, although they have the numbers of the lost ones", async () => {
    await hooks.create({ url: receiver.url, events: ["account.*"] });
    registry.rewrite("create table kept as select * from webhooks");
    await addEvents(1);
    await hooks.settle();
    // What a standby that was behind has: neither the event nor the position after it.
    registry.rewrite(`
      delete from audit_events where seq = (select max(seq) from audit_events);
      delete from accounts; delete from webhook_deliveries; delete from webhooks;
      insert into webhooks select * from kept`);
    registry.clock.advanceSeconds(15);
    await addEvents(1);
    await hooks.settle();
    const [lost, next] = receiver.messages;
    assert.equal(lost?.data.seq, next?.data.seq);
    assert.notEqual(lost?.id, next?.id);
  });
});
