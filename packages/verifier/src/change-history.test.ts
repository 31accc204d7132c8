import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createChangeHistory, type Subject } from "./change-history.ts";
import type { Change, Concern } from "./parse-change.ts";

const SUBJECT: Subject = { account: "acme", username: "api-1-demo", keyId: 3, tokenId: "3-1-1" };
const change = (concern: Concern, mayActivate = false): Change => ({
  concern,
  mayActivate,
  standing: mayActivate ? "on" : "off",
});

test("a token is revoked for what was switched off last and not on again: key, user, account, then the token alone", () => {
  const history = createChangeHistory();
  const key: Concern = { of: "key", keyId: 3 };
  const user: Concern = { of: "user", username: "api-1-demo" };
  history.hearSync(10);
  assert.equal(history.findRevocation(SUBJECT), undefined);
  history.hearChange(11, change({ of: "token", tokenId: "3-1-1" }));
  assert.equal(history.findRevocation(SUBJECT), "token_revoked");
  history.hearChange(12, change({ of: "account", account: "acme" }));
  assert.equal(history.findRevocation(SUBJECT), "account_deactivated");
  history.hearChange(13, change(user));
  assert.equal(history.findRevocation(SUBJECT), "user_deactivated");
  history.hearChange(14, change(key));
  // A new label says nothing about the standing.
  history.hearChange(15, { concern: key, mayActivate: true, standing: "unchanged" });
  assert.equal(history.findRevocation(SUBJECT), "key_deactivated");
  history.hearChange(16, change(key, true));
  assert.equal(history.findRevocation(SUBJECT), "user_deactivated");
  history.hearChange(17, change(user, true));
  assert.equal(history.findRevocation(SUBJECT), "account_deactivated");
  assert.equal(history.findRevocation({ ...SUBJECT, account: "other", tokenId: "3-1-2" }), undefined);
  history.hearReset(18);
  assert.equal(history.findRevocation(SUBJECT), undefined);
});

test("an answer is overtaken by a change after its position, not by one at it or before it", () => {
  const history = createChangeHistory();
  history.hearSync(10);
  history.hearChange(12, change({ of: "key", keyId: 3 }));
  const { epoch } = history;
  assert.equal(history.judgeActive(SUBJECT, { epoch, position: 11 }), "overtaken");
  assert.equal(history.judgeActive(SUBJECT, { epoch, position: 12 }), "current");
  assert.equal(history.judgeActive(SUBJECT, { epoch, position: 13 }), "current");
});

test("an answer from before the first position heard is unknown, from that position on current", () => {
  const history = createChangeHistory();
  const { epoch } = history;
  assert.equal(history.judgeActive(SUBJECT, { epoch, position: 10 }), "unknown");
  assert.equal(history.judgeInactive({ epoch, position: 10 }), "unknown");
  history.hearSync(10);
  for (const [position, currency] of [
    [9, "unknown"],
    [10, "current"],
  ] as const) {
    assert.equal(history.judgeActive(SUBJECT, { epoch, position }), currency);
    assert.equal(history.judgeInactive({ epoch, position }), currency);
  }
});

test("what was heard of more subjects than are remembered counts as a change of everything", () => {
  const history = createChangeHistory(3);
  history.hearSync(0);
  const { epoch } = history;
  for (const keyId of [11, 12, 13]) history.hearChange(keyId, change({ of: "key", keyId }));
  assert.equal(history.judgeActive(SUBJECT, { epoch, position: 0 }), "current");
  history.hearChange(14, change({ of: "token", tokenId: "9-9-9" }));
  assert.equal(history.judgeActive(SUBJECT, { epoch, position: 13 }), "overtaken");
  assert.equal(history.judgeActive(SUBJECT, { epoch, position: 14 }), "current");
});

test("positions of before a reset, a step back or a forgetting say nothing after it", () => {
  for (const breakOff of [
    (history: ReturnType<typeof createChangeHistory>) => history.hearReset(50),
    (history: ReturnType<typeof createChangeHistory>) => history.hearSync(9),
    (history: ReturnType<typeof createChangeHistory>) => history.hearChange(10, change({ of: "key", keyId: 99 })),
    (history: ReturnType<typeof createChangeHistory>) => history.forget(),
  ]) {
    const history = createChangeHistory();
    history.hearSync(10);
    const { epoch } = history;
    breakOff(history);
    assert.equal(history.judgeActive(SUBJECT, { epoch, position: 1000 }), "overtaken");
    assert.equal(history.judgeInactive({ epoch, position: 1000 }), "overtaken");
  }
});

test("whatever is heard in whatever order, an answer that a change concerns never counts as current", () => {
  const concern: fc.Arbitrary<Concern> = fc.oneof(
    fc.record({ of: fc.constant("account" as const), account: fc.constantFrom("acme", "other") }),
    fc.record({ of: fc.constant("user" as const), username: fc.constantFrom("api-1-demo", "api-1-other") }),
    fc.record({ of: fc.constant("key" as const), keyId: fc.constantFrom(3, 4, 5) }),
    fc.record({ of: fc.constant("token" as const), tokenId: fc.constantFrom("3-1-1", "3-1-2") }),
    fc.record({ of: fc.constant("everything" as const) }),
  );
  const concerns = (it: Concern) =>
    it.of === "everything" ||
    (it.of === "account" && it.account === "acme") ||
    (it.of === "user" && it.username === "api-1-demo") ||
    (it.of === "key" && it.keyId === 3) ||
    (it.of === "token" && it.tokenId === "3-1-1");
  const heard = fc.array(fc.record({ concern, gap: fc.integer({ min: 1, max: 3 }), mayActivate: fc.boolean() }));
  fc.assert(
    fc.property(heard, fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 5 }), (events, position, max) => {
      const history = createChangeHistory(max);
      history.hearSync(0);
      const mark = { epoch: history.epoch, position };
      let [at, isOvertaken, isActivated] = [0, false, false];
      for (const event of events) {
        at += event.gap;
        history.hearChange(at, change(event.concern, event.mayActivate));
        if (at > position && concerns(event.concern)) isOvertaken = true;
        if (at > position && event.mayActivate) isActivated = true;
      }
      if (isOvertaken) assert.equal(history.judgeActive(SUBJECT, mark), "overtaken");
      // And nothing is asked about for nothing, as long as everything has room.
      else if (events.length <= max) assert.equal(history.judgeActive(SUBJECT, mark), "current");
      assert.equal(history.judgeInactive(mark), isActivated ? "overtaken" : "current");
    }),
  );
});
