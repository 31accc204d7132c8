/**
 * What every engine must do for webhook endpoints and their deliveries. Only tests import this.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccountId } from "../core/accounts/model.ts";
import type { DeliveryState, Webhook, WebhookId } from "../core/webhooks/model.ts";
import { DELIVERIES_KEPT } from "../core/webhooks/store.ts";
import { assertList, insertAccount, openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

const CLEAR: Omit<DeliveryState, "position"> = {
  attempts: 0,
  failingSinceMs: null,
  nextAttemptAtMs: null,
  lastDeliveredAtMs: null,
};

export function testWebhookStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`webhook endpoints on ${name}`, () => {
    const each = openEachStore(open);

    const insert = (url: string, accountId: AccountId | null = null) =>
      each.store.transaction((tx) =>
        tx.webhooks.insert({
          url,
          label: null,
          events: ["key.*", "user.created"],
          accountId,
          secret: { salt: "00", fingerprint: "f" },
          position: 7,
          createdBy: "cli:test",
          createdAtMs: 5,
        }),
      );
    const load = async (id: WebhookId): Promise<Webhook> => {
      const webhook = await each.store.webhooks.load(id);
      assert.ok(webhook);
      return webhook;
    };
    const delivery = (webhookId: WebhookId, seq: number) => ({
      webhookId,
      seq,
      action: "key.added",
      messageId: `msg_${seq}`,
      attempt: 1,
      atMs: seq * 1000,
      outcome: "delivered" as const,
      httpStatus: 204,
      durationMs: 12,
    });

    test("are read as they were written, and changed member by member", async () => {
      const account = await insertAccount(each.store, "acme");
      const id = await insert("https://hooks.example/x?token=1", account.id);
      const created: Webhook = {
        id,
        url: "https://hooks.example/x?token=1",
        label: null,
        events: ["key.*", "user.created"],
        accountId: account.id,
        account: "acme",
        status: "active",
        disabledReason: null,
        secret: { salt: "00", fingerprint: "f" },
        previousSecret: null,
        createdBy: "cli:test",
        createdAtMs: 5,
        position: 7,
        ...CLEAR,
      };
      assert.deepEqual(await load(id), created);
      const changed = {
        url: "https://other.example/",
        label: "ops",
        events: ["*"],
        status: "deactivated",
        disabledReason: "gone",
        secret: { salt: "11", fingerprint: "g" },
        previousSecret: { salt: "00", fingerprint: "f", endsAtMs: 2 ** 41 },
        position: 2 ** 40,
        attempts: 3,
        failingSinceMs: 2 ** 41,
        nextAttemptAtMs: 2 ** 41 + 1,
        lastDeliveredAtMs: 2 ** 41 + 2,
      } as const;
      let expected = created;
      for (const [member, value] of Object.entries(changed)) {
        await each.store.transaction((tx) => tx.webhooks.update(id, { [member]: value }));
        expected = { ...expected, [member]: value };
        assert.deepEqual(await load(id), expected, member);
        assert.deepEqual(await each.store.transaction((tx) => tx.webhooks.find(id)), expected, member);
      }
      await each.store.transaction((tx) => tx.webhooks.update(id, { previousSecret: null, label: null }));
      assert.deepEqual(await load(id), { ...expected, previousSecret: null, label: null });
      for (const absent of [0, -1, 1.5, Number.NaN, 2 ** 31, 9]) {
        assert.equal(await each.store.webhooks.load(absent as WebhookId), undefined);
      }
    });

    test("are listed oldest first, by account and status; the active ones also without pages", async () => {
      const account = await insertAccount(each.store, "acme");
      const ids = [];
      for (const number of [1, 2, 3, 4, 5]) {
        ids.push(await insert(`https://hooks.example/${number}`, number % 2 === 0 ? account.id : null));
      }
      const [, second] = ids as [WebhookId, WebhookId];
      await each.store.transaction((tx) => tx.webhooks.update(second, { status: "deactivated" }));
      const all = await Promise.all(ids.map(load));
      const keyOf = ({ id }: Webhook) => [id];
      for (const [filter, expected] of [
        [{}, all],
        [{ accountId: account.id }, all.filter(({ account: own }) => own === "acme")],
        [{ status: "active" }, all.filter(({ status }) => status === "active")],
        [{ accountId: account.id, status: "deactivated" }, [all[1]]],
        [{ accountId: 99 as AccountId }, []],
      ] as const) {
        const read = (page: Parameters<typeof each.store.webhooks.page>[1]) => each.store.webhooks.page(filter, page);
        await assertList(read, keyOf, expected as readonly Webhook[], JSON.stringify(filter));
      }
      assert.deepEqual(
        (await each.store.webhooks.listActive()).map(({ id }) => id),
        ids.filter((id) => id !== second),
      );
      const count = (accountId: AccountId | null) => each.store.transaction((tx) => tx.webhooks.countActive(accountId));
      assert.deepEqual([await count(null), await count(account.id), await count(99 as AccountId)], [3, 1, 0]);
    });

    test("an attempt and the state after it are recorded together, and only from the position that is stored", async () => {
      const id = await insert("https://hooks.example/");
      const { webhooks } = each.store;
      const delivered = { ...CLEAR, position: 9, lastDeliveredAtMs: 9000 };
      assert.equal(await webhooks.record(delivery(id, 9), 6, delivered), false);
      assert.deepEqual((await webhooks.deliveries(id, { limit: 10 })).items, []);
      assert.equal(await webhooks.record(delivery(id, 9), 7, delivered), true);
      assert.equal(await webhooks.record(delivery(id, 9), 7, delivered), false, "a second node with the old position");
      const { position, lastDeliveredAtMs } = await load(id);
      assert.deepEqual([position, lastDeliveredAtMs], [9, 9000]);
      const { items } = await webhooks.deliveries(id, { limit: 10 });
      assert.deepEqual(items, [{ ...delivery(id, 9), id: items[0]?.id }]);
      assert.equal(await webhooks.skip(id, 7, 20), false);
      assert.equal(await webhooks.skip(id, 9, 20), true);
      assert.equal((await load(id)).position, 20);
    });

    test("the last attempts are kept for each endpoint, newest first, and the oldest go", async () => {
      const [id, other] = [await insert("https://hooks.example/a"), await insert("https://hooks.example/b")];
      const { webhooks } = each.store;
      await webhooks.record(delivery(other, 8), 7, { ...CLEAR, position: 8 });
      const last = 7 + DELIVERIES_KEPT + 2;
      for (let seq = 8; seq <= last; seq++) {
        assert.equal(await webhooks.record(delivery(id, seq), seq - 1, { ...CLEAR, position: seq }), true);
      }
      const first = await webhooks.deliveries(id, { limit: 500 });
      assert.deepEqual(
        first.items.map(({ seq }) => seq),
        Array.from({ length: DELIVERIES_KEPT }, (_, index) => last - index),
      );
      assert.equal(first.count, DELIVERIES_KEPT);
      assert.equal((await webhooks.deliveries(other, { limit: 500 })).items.length, 1);
      assert.equal((await webhooks.deliveries((2 ** 31) as WebhookId, { limit: 1 })).items.length, 0);
    });
  });
}
