import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { createSystemRandom } from "../../platform/random.ts";
import { refusalOf } from "../../testing/refusal-of.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import type { AccountId } from "../accounts/model.ts";
import { type Author, type ChangeTx, unrestrictedAuthor } from "../change/change-tx.ts";
import { createCommit } from "../change/commit.ts";
import { acceptStore } from "../store-identity/accept-store.ts";
import {
  ACTIVE_PER_ACCOUNT_MAX,
  changeWebhook,
  createWebhook,
  disableWebhook,
  type NewWebhook,
  OVERLAP_MS_DEFAULT,
  OVERLAP_MS_MAX,
  rotateWebhookSecret,
} from "./changes.ts";
import type { WebhookId } from "./model.ts";
import { deriveSecret, formatSecret } from "./secret.ts";

const EVERYWHERE = unrestrictedAuthor("cli:alice");
const IN_ACME: Author = { ...EVERYWHERE, role: "admin", accountId: 1 as AccountId, account: "acme" };
const source = { masterSecret: TEST_MASTER_SECRET, random: createSystemRandom() };
const URL = "https://hooks.example/in?token=secret";

let registry: TestRegistry;
beforeEach(async () => {
  registry = await openTestRegistry();
  for (const shortname of ["acme", "other"]) await registry.changes.createAccount("test", { shortname });
});
afterEach(() => registry.close());

async function commit<Result>(work: (tx: ChangeTx) => Promise<Result>, author = EVERYWHERE): Promise<Result> {
  return (await createCommit(registry.store, registry.clock)(work, { author })).result;
}

const create = (webhook: Partial<NewWebhook> = {}, author = EVERYWHERE) =>
  commit((tx) => createWebhook(tx, { url: URL, account: null, ...webhook }, source), author);

/** The events that `work` appended. */
async function eventsOf(work: () => Promise<unknown>) {
  const { seq } = await registry.store.events.last();
  await work();
  return (await registry.store.events.after(seq, 100)).map(({ action, subject, details, accountId = null }) => ({
    action,
    subject,
    details,
    accountId,
  }));
}

describe("an endpoint", () => {
  test("begins after its own creation, and its secret isn't in the store, only what it derives from", async () => {
    const { webhook, secret } = await create({ events: ["key.*"], label: "ops" });
    assert.deepEqual(
      [webhook.status, webhook.events, webhook.label, webhook.account],
      ["active", ["key.*"], "ops", null],
    );
    assert.equal(webhook.position, (await registry.store.events.last()).seq);
    const derived = deriveSecret([TEST_MASTER_SECRET], webhook.secret);
    assert.ok(derived);
    assert.equal(formatSecret(derived), secret);
  });

  test("is changed with an event for each change, which has no more of the URL than its origin", async () => {
    const origin = "https://hooks.example";
    const events = await eventsOf(async () => {
      const { webhook } = await create({ account: "acme", events: ["key.*", "user.created"] });
      const { id } = webhook;
      await commit((tx) => changeWebhook(tx, id, { events: ["*"], label: "all" }));
      await commit((tx) => changeWebhook(tx, id, { events: ["*"], label: "all", status: "active" }));
      await commit((tx) => rotateWebhookSecret(tx, id, 0, source));
      await commit((tx) => changeWebhook(tx, id, { status: "deactivated" }));
      await commit((tx) => changeWebhook(tx, id, { status: "active", skipPending: true }));
    });
    const about = { subject: "webhook:1", accountId: 1 };
    assert.deepEqual(events, [
      { ...about, action: "webhook.created", details: { origin, events: "key.*,user.created" } },
      { ...about, action: "webhook.changed", details: { origin, events: "*" } },
      { ...about, action: "webhook.rotated", details: { origin, previous_secret_ends_at_ms: null } },
      { ...about, action: "webhook.deactivated", details: { origin } },
      { ...about, action: "webhook.activated", details: { origin, skip_pending: true } },
    ]);
  });

  test("that is activated starts anew from its position; skipping moves that to the end, also while it is active", async () => {
    const { webhook } = await create();
    const { id, position } = webhook;
    await commit((tx) => tx.webhooks.update(id, { attempts: 5, failingSinceMs: 1, nextAttemptAtMs: 2 }));
    await commit((tx) => disableWebhook(tx, { id, position, failingSinceMs: 1 }, "failing"));
    const active = await commit((tx) => changeWebhook(tx, id, { status: "active" }));
    assert.deepEqual(
      [active.position, active.attempts, active.failingSinceMs, active.nextAttemptAtMs, active.disabledReason],
      [position, 0, null, null, null],
    );
    const skipped = await commit((tx) => changeWebhook(tx, id, { status: "active", skipPending: true }));
    assert.equal(skipped.position, (await registry.store.events.last()).seq);
    const { code } = await refusalOf(
      commit((tx) => changeWebhook(tx, id, { status: "deactivated", skipPending: true })),
    );
    assert.equal(code, "field_invalid");
  });

  test("that an operator has changed meanwhile isn't disabled for what happened before", async () => {
    const { webhook } = await create();
    const { id, position } = webhook;
    for (const stale of [
      { id, position: position - 1, failingSinceMs: null },
      { id, position, failingSinceMs: 5 },
      { id: 9 as WebhookId, position, failingSinceMs: null },
    ]) {
      assert.deepEqual(await eventsOf(() => commit((tx) => disableWebhook(tx, stale, "failing"))), []);
    }
    await commit((tx) => changeWebhook(tx, id, { status: "deactivated" }));
    const late = { id, position, failingSinceMs: null };
    assert.deepEqual(await eventsOf(() => commit((tx) => disableWebhook(tx, late, "gone"))), []);
  });

  test("is one of at most so many active ones for each account; deactivated ones don't count", async () => {
    for (let count = 0; count < ACTIVE_PER_ACCOUNT_MAX; count++) await create({ account: "acme" });
    assert.equal((await refusalOf(create({ account: "acme" }))).code, "conflict");
    await create();
    await create({ account: "other" });
    const id = 1 as WebhookId;
    await commit((tx) => changeWebhook(tx, id, { status: "deactivated" }));
    await create({ account: "acme" });
    assert.equal((await refusalOf(commit((tx) => changeWebhook(tx, id, { status: "active" })))).code, "conflict");
  });

  test("with a wrong URL, filter, label or account is refused, and leaves nothing", async () => {
    const events = await eventsOf(async () => {
      for (const wrong of [
        { url: "ftp://hooks.example/" },
        { url: "https://user:secret@hooks.example/" },
        { events: [] },
        { events: ["key.nonsense"] },
        { label: "" },
        { label: "a\u0007" },
        { account: "absent" },
      ]) {
        assert.equal((await refusalOf(create(wrong))).code, "field_invalid", JSON.stringify(wrong));
      }
    });
    assert.deepEqual(events, []);
    assert.deepEqual(await registry.store.webhooks.listActive(), []);
  });
});

describe("an author who is limited to an account", () => {
  test("creates endpoints for that account only", async () => {
    assert.equal((await create({ account: "acme" }, IN_ACME)).webhook.account, "acme");
    assert.equal((await refusalOf(create({ account: null }, IN_ACME))).code, "forbidden");
    const [hidden, absent] = [
      await refusalOf(create({ account: "other" }, IN_ACME)),
      await refusalOf(create({ account: "absent" }, IN_ACME)),
    ];
    assert.deepEqual([hidden.code, hidden.message], [absent.code, absent.message]);
  });

  test("can't tell another account's endpoint, or one for all accounts, from one that doesn't exist", async () => {
    const others = [(await create()).webhook.id, (await create({ account: "other" })).webhook.id, 99 as WebhookId];
    for (const id of others) {
      for (const work of [
        (tx: ChangeTx): Promise<unknown> => changeWebhook(tx, id, { label: "mine" }),
        (tx: ChangeTx): Promise<unknown> => rotateWebhookSecret(tx, id, 0, source),
      ]) {
        const { code, message } = await refusalOf(commit(work, IN_ACME));
        assert.deepEqual([code, message.replace(String(id), "…")], ["not_found", NO_SUCH]);
      }
    }
  });
});

const NO_SUCH = "There is no webhook endpoint …. countersign webhook list shows them.";

describe("a rotation", () => {
  test("keeps the previous secret for the overlap, and no older one", async () => {
    const { webhook, secret } = await create();
    const first = await commit((tx) => rotateWebhookSecret(tx, webhook.id, OVERLAP_MS_DEFAULT, source));
    const { previousSecret } = first.webhook;
    assert.deepEqual(previousSecret, { ...webhook.secret, endsAtMs: registry.clock.wallMs() + 86_400_000 });
    assert.notEqual(first.secret, secret);
    const second = await commit((tx) => rotateWebhookSecret(tx, webhook.id, 1, source));
    assert.equal(second.webhook.previousSecret?.salt, first.webhook.secret.salt);
    const last = await commit((tx) => rotateWebhookSecret(tx, webhook.id, 0, source));
    assert.equal(last.webhook.previousSecret, null);
    for (const overlapMs of [-1, OVERLAP_MS_MAX + 1, Number.NaN]) {
      const { code } = await refusalOf(commit((tx) => rotateWebhookSecret(tx, webhook.id, overlapMs, source)));
      assert.equal(code, "field_invalid");
    }
  });

  test("after a restoration makes a secret that was never handed out, although the store forgot the ones in between", async () => {
    const { webhook } = await create();
    registry.rewrite("create table kept as select * from webhooks");
    const lost = await commit((tx) => rotateWebhookSecret(tx, webhook.id, 0, source));
    registry.rewrite("delete from webhooks; insert into webhooks select * from kept");
    const next = await commit((tx) => rotateWebhookSecret(tx, webhook.id, 0, source));
    assert.notEqual(next.secret, lost.secret);
  });
});

test("accepting a restored store leaves the endpoints' secrets as their receivers have them", async () => {
  const { webhook, secret } = await create();
  await commit((tx) => acceptStore(tx, source.random, TEST_MASTER_SECRET, undefined));
  const after = await registry.store.webhooks.load(webhook.id);
  const derived = after && deriveSecret([TEST_MASTER_SECRET], after.secret);
  assert.equal(derived && formatSecret(derived), secret);
});
