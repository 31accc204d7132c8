/**
 * The list of events, which must be the same on every engine: one suite, run on each engine. Only tests import this.
 */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { EventFilter } from "../core/feed/store.ts";
import { type AuditEvent, findChainBreak, type UnchainedEvent } from "../core/feed/audit-chain.ts";
import type { AccountId } from "../core/accounts/model.ts";
import { assertList, insertAccount, openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export function testEventList(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the audit log in the store on ${name}`, () => {
    const each = openEachStore(open);

    describe("the list of events", () => {
      const ACTIONS = [
        "key.added",
        "key.revoked",
        "user.created",
        "signing_key.created",
        "operator.signed_in",
      ] as const;
      const DAY_MS = 86_400_000;
      let events: readonly AuditEvent[];

      beforeEach(async () => {
        for (const shortname of ["first", "second"]) await insertAccount(each.store, shortname);
        await each.store.transaction(async (transaction) => {
          for (let index = 0; index < 40; index++) {
            const accountId = [1, 2, undefined][index % 3] as AccountId | undefined;
            const event: UnchainedEvent = {
              // Clocks differ: every fourth event is earlier than the one before it, by almost an hour.
              atMs: 10 * DAY_MS + index * 600_000 - (index % 4 === 3 ? 4_100_000 : 0),
              actor: `cli:${["alice", "bob"][index % 2]}`,
              action: ACTIONS[index % ACTIONS.length] ?? "key.added",
              subject: `key:${index % 7}`,
              details: { index },
              ...(accountId !== undefined && { accountId }),
            };
            await transaction.events.append(event);
          }
        });
        events = (await each.store.events.after(0, 100)).toReversed();
      });

      function matching(filter: EventFilter): readonly AuditEvent[] {
        return events.filter(
          (event) =>
            (filter.accountId === undefined || event.accountId === filter.accountId) &&
            (filter.actor ?? event.actor) === event.actor &&
            (filter.actor !== undefined ||
              event.actor.toLowerCase().includes((filter.actorPart ?? "").toLowerCase())) &&
            (filter.subject ?? event.subject) === event.subject &&
            (filter.action === undefined ||
              event.action === filter.action ||
              event.action.startsWith(`${filter.action}.`)) &&
            event.atMs >= (filter.fromMs ?? Number.NEGATIVE_INFINITY) &&
            event.atMs < (filter.untilMs ?? Number.POSITIVE_INFINITY),
        );
      }

      async function assertMatching(filter: EventFilter): Promise<void> {
        await assertList(
          (page) => each.store.events.page(filter, page),
          ({ seq }) => [seq],
          matching(filter),
          JSON.stringify(filter),
        );
      }

      test("is exactly what matches, with every filter and combinations of them, in pages both ways", async () => {
        for (const accountId of [undefined, 1 as AccountId, 9 as AccountId]) {
          for (const actor of [undefined, "cli:alice", "cli:nobody"]) {
            for (const action of [undefined, "key.added", "key", "signing_key", "ke", "key.", "signed_in"]) {
              for (const subject of [undefined, "key:3"]) await assertMatching({ accountId, actor, action, subject });
            }
          }
        }
      });

      test("has what authors did whose name has a part, with every filter", async () => {
        for (const actorPart of ["LI:AL", "bob", "%", "nobody"]) {
          await assertMatching({ actorPart });
          await assertMatching({ actorPart, accountId: 1 as AccountId, action: "key" });
          await assertMatching({ actorPart, subject: "key:3", fromMs: events[20]?.atMs ?? 0 });
          await assertMatching({ actorPart, actor: "cli:bob", accountId: 1 as AccountId });
        }
      });

      test("has what many authors did whose names have a part", async () => {
        await each.rewrite("update audit_events set actor = 'user:' || seq || '-client' where seq <= 20");
        events = (await each.store.events.after(0, 100)).toReversed();
        // So many authors and actions that the log is gone through instead.
        await each.rewrite(
          `insert into audit_events (seq, at_ms, actor, action, subject, details, previous_hash, hash)
           with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 10500)
           select 40 + n, 1, 'robot:' || n, 'key.added', 'key:9', '{}', '', '' from numbers`,
        );
        for (const actorPart of ["7-client", "CLIENT"]) {
          const { items, count } = await each.store.events.page({ actorPart }, { limit: 100 });
          assert.deepEqual([items, count], [matching({ actorPart }), matching({ actorPart }).length]);
        }
        const robots = await each.store.events.page({ actorPart: "robot" }, { limit: 2 });
        assert.deepEqual([robots.items.map(({ seq }) => seq), robots.count], [[10_540, 10_539], 10_001]);
        const some = await each.store.events.page({ actorPart: "ot:1049" }, { limit: 20 });
        assert.deepEqual(
          some.items.map(({ seq }) => seq),
          [10_539, 10_538, 10_537, 10_536, 10_535, 10_534, 10_533, 10_532, 10_531, 10_530, 1089],
        );
      });

      test("can be limited to a time, including its start and excluding its end", async () => {
        for (const event of [events.at(-1), events[20], events[21], events[0]]) {
          for (const offset of [-1, 0, 1]) {
            const atMs = (event?.atMs ?? 0) + offset;
            await assertMatching({ fromMs: atMs });
            await assertMatching({ untilMs: atMs });
            await assertMatching({ fromMs: atMs - 3_000_000, untilMs: atMs, accountId: 1 as AccountId });
          }
        }
        await assertMatching({ fromMs: 11 * DAY_MS + 0.5, untilMs: 11 * DAY_MS - 0.5 });
      });

      test("has each event's account, which isn't part of the chain", async () => {
        assert.deepEqual(
          events.slice(-3).map((event) => event.accountId),
          [undefined, 2, 1],
        );
        assert.ok(!("accountId" in (events.at(-3) ?? {})));
        assert.equal(findChainBreak(events.toReversed(), undefined), undefined);
        await each.rewrite("update audit_events set account_id = null");
        assert.equal(findChainBreak(await each.store.events.after(0, 100), undefined), undefined);
      });
    });
  });
}
