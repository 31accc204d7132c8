import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { FeedChange } from "@countersign/protocol";
import type { Verdict } from "./caller.ts";
import {
  CLIENT_ID,
  CLIENT_SECRET,
  type Exchange,
  exampleGrant,
  exampleToken,
  type FakeCountersign,
  type FeedConnection,
} from "./testing/fake-countersign.ts";
import type { TestClock } from "./testing/test-clock.ts";
import { startSyncedVerifier, startTestVerifier } from "./testing/test-verifier.ts";
import { eventually } from "../../../test/testkit/eventually.ts";
import { settle } from "./testing/settle.ts";

const outcomes = (verdicts: readonly Verdict[]) => verdicts.map(({ outcome }) => outcome);

/** Lets time pass until the feed is asked for once more. */
async function tryAgain(fake: FakeCountersign, clock: TestClock): Promise<FeedConnection> {
  const before = fake.feedRequests;
  for (let second = 0; second < 60 && fake.feedRequests === before; second++) {
    clock.advance(1000);
    await settle();
  }
  return await fake.nextFeed();
}

test("a good token's verdict says whose it is", async (t) => {
  const { verifier, clock, grant } = await startSyncedVerifier(t);
  const token = grant("one", { access: "read_only", user_id: 7 });
  assert.deepEqual(await verifier.verify(token), {
    outcome: "active",
    auth: {
      username: "api-1-demo",
      userId: 7,
      account: "acme",
      access: "read_only",
      keyId: 3,
      expiresAt: Math.floor(clock.wallMs() / 1000) + 3600,
    },
  });
});

test("what a handler does to the caller's description doesn't reach the next request", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t);
  const token = grant();
  const [first, second] = [await verifier.verify(token), await verifier.verify(token)];
  for (const verdict of [first, second]) {
    assert.ok(verdict.outcome === "active");
    assert.throws(() => Object.assign(verdict.auth, { access: "full", username: "root" }), TypeError);
  }
});

test("while the feed is in sync a token is asked about once", async (t) => {
  const { verifier, fake, grant } = await startSyncedVerifier(t);
  const token = grant();
  const verdicts = [await verifier.verify(token), await verifier.verify(token), await verifier.verify(token)];
  assert.deepEqual(outcomes(verdicts), ["active", "active", "active"]);
  assert.deepEqual(fake.questions, [token]);
});

test("requests that come together ask once per token", async (t) => {
  const { verifier, fake, grant } = await startSyncedVerifier(t);
  const [one, two] = [grant("one"), grant("two")];
  const verdicts = await Promise.all([one, two, one, one, two].map((token) => verifier.verify(token)));
  assert.deepEqual(new Set(outcomes(verdicts)), new Set(["active"]));
  assert.deepEqual(fake.questions.toSorted(), [one, two].toSorted());
});

const CONCERNING: readonly FeedChange[] = [
  { action: "account.deactivated", account: "acme" },
  { action: "account.activated", account: "acme" },
  { action: "user.deactivated", username: "api-1-demo" },
  { action: "user.activated", username: "api-1-demo" },
  { action: "key.deactivated", username: "api-1-demo", key_id: 3 },
  { action: "key.revoked", username: "api-1-demo", key_id: 3 },
  { action: "key.activated", username: "api-1-demo", key_id: 3 },
  { action: "token.revoked", username: "api-1-demo", key_id: 3, jti: "3-1481653854-968668528" },
  { action: "signing_key.retired" },
  { action: "key.deactivated", username: "api-1-demo" },
  { action: "token.revoked" },
  { action: "account.deactivated" },
  { action: "" },
];
for (const change of CONCERNING) {
  test(`a token that ${JSON.stringify(change)} may concern is asked about again`, async (t) => {
    const { verifier, fake, feed, grant, heard } = await startSyncedVerifier(t);
    const token = grant();
    assert.equal((await verifier.verify(token)).outcome, "active");
    fake.grants.clear();
    fake.position = 11;
    feed.change(11, change);
    await heard(11);
    assert.equal((await verifier.verify(token)).outcome, "inactive");
    assert.equal(fake.questions.length, 2);
  });
}

for (const change of [
  { action: "account.deactivated", account: "other" },
  { action: "user.deactivated", username: "api-1-other" },
  { action: "key.deactivated", username: "api-1-demo", key_id: 4 },
  { action: "key.added", username: "api-1-demo", key_id: 5 },
  { action: "key.changed", username: "api-1-demo", key_id: 4 },
  { action: "token.revoked", username: "api-1-demo", key_id: 3, jti: "3-1481653854-1" },
] satisfies FeedChange[]) {
  test(`a token that ${JSON.stringify(change)} doesn't concern is still remembered`, async (t) => {
    const { verifier, fake, feed, grant, heard } = await startSyncedVerifier(t);
    const token = grant();
    await verifier.verify(token);
    feed.change(11, change);
    await heard(11);
    assert.equal((await verifier.verify(token)).outcome, "active");
    assert.equal(fake.questions.length, 1);
  });
}

test("an event of a name that this version doesn't know counts as a change of everything", async (t) => {
  const { verifier, fake, feed, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  fake.position = 11;
  feed.write('event: purge\nid: 11\ndata: {"action":"key.added","key_id":9}\n\n');
  await heard(11);
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

for (const [change, reason] of [
  [{ action: "key.deactivated", username: "api-1-demo", key_id: 3 }, "key_deactivated"],
  [{ action: "key.revoked", username: "api-1-demo", key_id: 3 }, "key_deactivated"],
  [{ action: "user.deactivated", username: "api-1-demo" }, "user_deactivated"],
  [{ action: "account.deactivated", account: "acme" }, "account_deactivated"],
  [{ action: "token.revoked", username: "api-1-demo", jti: "3-1481653854-968668528" }, "token_revoked"],
] as const satisfies readonly (readonly [FeedChange, string])[]) {
  test(`a token that was good is inactive with a reason after ${change.action}, until it ends`, async (t) => {
    const { verifier, clock, fake, feed, grant, heard } = await startSyncedVerifier(t);
    const token = grant();
    const { exp } = exampleGrant(clock.wallMs());
    assert.equal((await verifier.verify(token)).outcome, "active");
    fake.grants.clear();
    fake.position = 11;
    feed.change(11, change);
    await heard(11);
    // Asked, remembered, and asked again.
    for (const passMs of [0, 0, 6000]) {
      clock.advance(passMs);
      feed.sync(11);
      await settle();
      assert.deepEqual(await verifier.verify(token), { outcome: "inactive", reason });
    }
    assert.deepEqual(await verifier.verify(exampleToken("another")), { outcome: "inactive" });
    clock.advance(exp * 1000 - clock.wallMs());
    assert.deepEqual(await verifier.verify(token), { outcome: "inactive" });
  });
}

test("a token that this verifier never saw to be good, or of which the feed told nothing, is inactive without a reason", async (t) => {
  const { verifier, fake, feed, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  fake.position = 11;
  fake.grants.clear();
  feed.change(11, { action: "key.deactivated", username: "api-1-demo", key_id: 3 });
  await heard(11);
  assert.deepEqual(await verifier.verify(token), { outcome: "inactive" });
  const other = grant("other", { key_id: 4, jti: "4-1-1" });
  assert.equal((await verifier.verify(other)).outcome, "active");
  fake.grants.clear();
  fake.position = 12;
  feed.reset(12);
  feed.sync(12);
  await heard(12);
  assert.deepEqual(await verifier.verify(other), { outcome: "inactive" });
});

test("a key that is switched off and on again works again, without waiting for anything to expire", async (t) => {
  const { verifier, fake, feed, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  const facts = fake.grants.get(token);
  assert.ok(facts !== undefined);
  assert.equal((await verifier.verify(token)).outcome, "active");
  fake.grants.delete(token);
  fake.position = 11;
  feed.change(11, { action: "key.deactivated", key_id: 3 });
  await heard(11);
  assert.equal((await verifier.verify(token)).outcome, "inactive");
  fake.grants.set(token, facts);
  fake.position = 12;
  feed.change(12, { action: "key.activated", key_id: 3 });
  await heard(12);
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 3);
});

test("a bad token is asked about again after an activation or a change of an unknown kind, and after no other", async (t) => {
  const { verifier, fake, feed, heard } = await startSyncedVerifier(t);
  const token = exampleToken("bad");
  const asked = async () => {
    assert.equal((await verifier.verify(token)).outcome, "inactive");
    return fake.questions.length;
  };
  assert.equal(await asked(), 1);
  feed.change(11, { action: "key.deactivated", key_id: 9 });
  feed.change(12, { action: "token.revoked", jti: "9-1-1" });
  feed.change(13, { action: "key.revoked", key_id: 9 });
  feed.change(14, { action: "user.deactivated", username: "api-1-nine" });
  feed.change(15, { action: "account.deactivated", account: "nine" });
  fake.position = 15;
  await heard(15);
  assert.equal(await asked(), 1);
  for (const [position, action] of [
    [16, "key.activated"],
    [17, "user.activated"],
    [18, "account.activated"],
    [19, "key.added"],
    [20, "something.new"],
  ] as const) {
    fake.position = position;
    feed.change(position, { action, key_id: 9, username: "api-1-nine", account: "nine" });
    await heard(position);
    assert.equal(await asked(), position - 14);
    assert.equal(await asked(), position - 14);
  }
});

test("a no is remembered for 5 s", async (t) => {
  const { verifier, fake, feed, clock } = await startSyncedVerifier(t);
  const token = exampleToken("bad");
  await verifier.verify(token);
  // It is the monotonic clock that counts.
  clock.setWall(0);
  for (let second = 1; second < 5; second++) {
    clock.advance(1000);
    feed.sync(10);
    await settle();
  }
  clock.advance(999);
  await verifier.verify(token);
  assert.equal(fake.questions.length, 1);
  clock.advance(1);
  await verifier.verify(token);
  assert.equal(fake.questions.length, 2);
});

test("a flood of bad tokens drives no good one out, and takes up bounded memory", async (t) => {
  const { verifier, fake, grant } = await startSyncedVerifier(t, { cacheMax: 10 });
  const good = grant();
  await verifier.verify(good);
  const bad = Array.from({ length: 1500 }, (_, at) => exampleToken(`bad ${at}`));
  for (const token of bad) assert.equal((await verifier.verify(token)).outcome, "inactive");
  assert.equal(verifier.status().cached, 1001);
  const before = fake.questions.length;
  assert.equal((await verifier.verify(good)).outcome, "active");
  assert.equal(fake.questions.length, before);
});

test("no more good tokens are remembered than cacheMax", async (t) => {
  const { verifier, grant } = await startSyncedVerifier(t, { cacheMax: 2 });
  for (const name of ["one", "two", "three"]) await verifier.verify(grant(name));
  assert.equal(verifier.status().cached, 2);
});

test("what can't be a token is refused without a question", async (t) => {
  const { verifier, fake } = await startSyncedVerifier(t);
  const token = exampleToken("one");
  const impossible = [
    "",
    "x",
    `${token}=`,
    `${token} `,
    `0${token}`,
    token.slice(1),
    `1${"0".repeat(10)}${token.slice(1)}`,
  ];
  for (const text of [...impossible, "1".repeat(1e6), `${token}\n`, token.replace(".", "")]) {
    assert.equal((await verifier.verify(text)).outcome, "inactive");
  }
  assert.deepEqual(fake.questions, []);
});

// Staleness

test("a cached yes is used until the feed has been silent for 4 s, and never after", async (t) => {
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  clock.stopProcess(4000);
  assert.equal(verifier.status().inSync, true);
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 1);
  clock.stopProcess(1);
  assert.equal(verifier.status().inSync, false);
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
  assert.equal(fake.questions.length, 2);
});

test("with a silent feed and a service that can't be asked, nothing is let through", async (t) => {
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  fake.answer = ({ request }) => void request.socket.destroy();
  clock.stopProcess(4001);
  assert.deepEqual(await verifier.verify(token), { outcome: "undecided", retryAfterSeconds: 1 });
});

test("a killed service's cached yes lasts until the bound; after that there is none until the feed is back", async (t) => {
  const { verifier, fake, feed, clock, grant } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  fake.answer = ({ request }) => void request.socket.destroy();
  feed.destroy();
  clock.advance(3900);
  assert.equal((await verifier.verify(token)).outcome, "active");
  clock.advance(101);
  assert.equal((await verifier.verify(token)).outcome, "undecided");
  clock.advance(5000);
  const second = await fake.nextFeed();
  assert.equal(second.lastEventId, "10");
  second.sync(10);
  await verifier.ready();
  assert.equal((await verifier.verify(token)).outcome, "active");
});

test("a process that was stopped for 15 s doesn't wake with a stale yes", async (t) => {
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  clock.stopProcess(15_000);
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("what lay in a buffer while the process was stopped doesn't count as news", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  clock.stopProcess(15_000);
  // Sent in the second after the stop; the change that switched the key off 10 s later isn't read yet.
  feed.sync(11);
  await heard(11);
  assert.equal(verifier.status().inSync, false);
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("a stream that is always late by more than the bound is never in sync", async (t) => {
  const { verifier, fake, clock, heard } = await startTestVerifier(t);
  const feed = await fake.nextFeed();
  clock.stopProcess(5000);
  for (let second = 1; second < 10; second++) {
    feed.sync(second);
    await heard(second);
    assert.equal(verifier.status().inSync, false);
    clock.stopProcess(1000);
  }
});

test("syncs that come a second apart keep the feed in sync, for as long as they come", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant("one", { exp: 1_481_650_253 + 43_200 });
  await verifier.verify(token);
  for (let second = 1; second < 250; second++) {
    clock.advance(1000);
    feed.sync(10 + second);
    await heard(10 + second);
  }
  clock.advance(3000);
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.deepEqual([fake.questions.length, fake.feedRequests], [1, 1]);
});

test("syncs that come faster than a second apart keep nothing in sync for longer", async (t) => {
  const { verifier, feed, clock, heard } = await startSyncedVerifier(t);
  for (let position = 11; position < 20; position++) feed.sync(position);
  await heard(19);
  clock.stopProcess(4001);
  assert.equal(verifier.status().inSync, false);
});

test("where syncs come ever later, a new connection tells how late they are, and nothing is forgotten", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  for (let late = 1; late <= 4; late++) {
    clock.advance(1400);
    feed.sync(10 + late);
    await heard(10 + late);
  }
  const second = await fake.nextFeed();
  assert.equal(second.lastEventId, "14");
  second.sync(14);
  await settle();
  clock.advance(4000);
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 1);
});

test("before the first sync each request asks, and requests are answered", async (t) => {
  const { verifier, fake, grant } = await startTestVerifier(t);
  const token = grant();
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 2);
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

// Expiry

test("a cached yes ends with the token, at equality, and a fresh one too", async (t) => {
  const { verifier, fake, feed, clock, grant } = await startSyncedVerifier(t);
  clock.setWall(1_481_650_253_000);
  const token = grant("one", { exp: 1_481_650_256 });
  assert.equal((await verifier.verify(token)).outcome, "active");
  clock.advance(1999);
  feed.sync(10);
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 1);
  // The service's clock is known to the second: in the last one it is asked.
  clock.advance(1);
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 2);
  clock.advance(999);
  assert.equal((await verifier.verify(token)).outcome, "active");
  clock.advance(1);
  // The fake goes on saying yes.
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

for (const [clockIs, skewMs] of [
  ["behind", -120_000],
  ["ahead of", 120_000],
] as const) {
  test(`a clock that is ${clockIs} the service's lets no token live longer, nor makes one die sooner`, async (t) => {
    const { verifier, fake, feed, clock, grant } = await startSyncedVerifier(t);
    const startMs = 1_481_650_253_000;
    clock.setWall(startMs + skewMs);
    fake.answer = (exchange, token) => {
      exchange.response.setHeader("date", new Date(clock.wallMs() - skewMs).toUTCString());
      const facts = fake.grants.get(token);
      exchange.response.writeHead(200, { "content-type": "application/json", "countersign-feed-position": "10" });
      exchange.response.end(JSON.stringify(facts));
    };
    const token = grant("one", { exp: 1_481_650_256 });
    assert.equal((await verifier.verify(token)).outcome, "active");
    clock.advance(2999);
    feed.sync(10);
    assert.equal((await verifier.verify(token)).outcome, "active");
    clock.advance(1);
    assert.equal((await verifier.verify(token)).outcome, "inactive");
  });
}

test("a Date that is wrong, such as that of a proxy, keeps no token alive in the cache", async (t) => {
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t);
  clock.setWall(1_481_650_253_000);
  fake.answer = ({ response }, token) => {
    response.writeHead(200, {
      "content-type": "application/json",
      "countersign-feed-position": "10",
      date: "Thu, 01 Jan 1970 00:00:00 GMT",
    });
    response.end(JSON.stringify(fake.grants.get(token)));
  };
  const token = grant("one", { exp: 1_481_650_256 });
  await verifier.verify(token);
  clock.advance(2999);
  await verifier.verify(token);
  assert.equal(fake.questions.length, 1);
  clock.advance(1);
  fake.grants.clear();
  fake.answer = undefined;
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("a token that ended while the machine slept isn't remembered as good", async (t) => {
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t);
  const token = grant("one", { exp: Math.floor(clock.wallMs() / 1000) + 600 });
  await verifier.verify(token);
  clock.sleepMachine(600_000);
  fake.answer = ({ request }) => void request.socket.destroy();
  assert.equal((await verifier.verify(token)).outcome, "undecided");
});

test("a sync that was sent before the machine slept, and is read after it, confirms nothing", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  for (const position of [11, 12]) {
    clock.advance(1000);
    feed.sync(position);
    await heard(position);
  }
  fake.position = 12;
  await verifier.verify(token);
  assert.equal(fake.questions.length, 1);
  clock.sleepMachine(10_000);
  feed.sync(13);
  await heard(13);
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("a clock that is set back doesn't make a cached yes live longer", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant("one", { exp: Math.floor(clock.wallMs() / 1000) + 6 });
  await verifier.verify(token);
  clock.setWall(clock.wallMs() - 3_600_000);
  fake.grants.clear();
  for (let second = 1; second <= 6; second++) {
    clock.advance(1000);
    feed.sync(10 + second);
    await heard(10 + second);
  }
  fake.position = 16;
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("after 5 minutes a token is asked about again, whatever the feed told", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  for (let second = 1; second <= 300; second++) {
    if (second === 300) {
      clock.advance(999);
      await verifier.verify(token);
      assert.equal(fake.questions.length, 1);
      clock.advance(1);
    } else clock.advance(1000);
    feed.sync(10 + second);
    await heard(10 + second);
  }
  fake.position = 310;
  await verifier.verify(token);
  assert.equal(fake.questions.length, 2);
});

// Questions under way

/** Holds questions back until the test lets them go. */
function holdQuestions(fake: { answer: unknown }): Exchange[] {
  const held: Exchange[] = [];
  fake.answer = (exchange: Exchange) => void held.push(exchange);
  return held;
}

test("an answer that a change has overtaken is asked for again, for the request that waits and for all after it", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  const held = holdQuestions(fake);
  const early = verifier.verify(token);
  await eventually("the question", () => held.length === 1);
  feed.change(11, { action: "key.deactivated", key_id: 3 });
  await heard(11);
  const late = verifier.verify(token);
  // Answered by a node that doesn't know of it yet.
  fake.send(held[0] as Exchange, exampleGrant(clock.wallMs()), 10);
  await eventually("the pause", () => clock.timers().includes(25));
  fake.answer = undefined;
  fake.grants.clear();
  fake.position = 11;
  clock.advance(25);
  assert.deepEqual(outcomes(await Promise.all([early, late])), ["inactive", "inactive"]);
  assert.equal(fake.questions.length, 2);
});

test("a change that doesn't concern the token leaves an answer from before it good, and worth keeping", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  const held = holdQuestions(fake);
  const verdict = verifier.verify(token);
  await eventually("the question", () => held.length === 1);
  feed.change(11, { action: "key.deactivated", key_id: 4 });
  await heard(11);
  fake.send(held[0] as Exchange, exampleGrant(clock.wallMs()), 10);
  assert.equal((await verdict).outcome, "active");
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 1);
});

test("an answer from beyond the feed is kept, and evicted by what the feed tells later", async (t) => {
  const { verifier, fake, feed, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  fake.position = 12;
  await verifier.verify(token);
  feed.change(11, { action: "key.activated", key_id: 3 });
  feed.change(12, { action: "user.activated", username: "api-1-demo" });
  await heard(12);
  await verifier.verify(token);
  assert.equal(fake.questions.length, 1);
  feed.change(13, { action: "key.deactivated", key_id: 3 });
  fake.position = 13;
  fake.grants.clear();
  await heard(13);
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("an answer from before this verifier began to hear serves the request that asked, and isn't kept", async (t) => {
  const { verifier, fake, grant } = await startSyncedVerifier(t);
  const token = grant();
  fake.position = 9;
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal((await verifier.verify(token)).outcome, "active");
  assert.equal(fake.questions.length, 2);
});

test("a node that goes on telling what a change has overtaken is no authority: nothing is let through", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  feed.change(11, { action: "key.deactivated", key_id: 3 });
  await heard(11);
  const verdict = verifier.verify(token);
  for (let step = 0; step < 30; step++) {
    await settle();
    clock.advance(25);
  }
  assert.deepEqual(await verdict, { outcome: "undecided", retryAfterSeconds: 1 });
  assert.equal(fake.questions.length, 6);
});

test("while the feed is out of sync, a question that began before a request is no answer to it", async (t) => {
  const { verifier, fake, clock, grant } = await startTestVerifier(t);
  const token = grant();
  const held = holdQuestions(fake);
  const early = verifier.verify(token);
  await eventually("the first question", () => held.length === 1);
  // The key is switched off now, and that is acknowledged; then these come.
  const late = [verifier.verify(token), verifier.verify(token), verifier.verify(token)];
  await settle();
  assert.equal(held.length, 1, "one question under way per token");
  fake.send(held[0] as Exchange, exampleGrant(clock.wallMs()));
  await eventually("the second question", () => held.length === 2);
  fake.send(held[1] as Exchange, undefined);
  assert.equal((await early).outcome, "active");
  assert.deepEqual(outcomes(await Promise.all(late)), ["inactive", "inactive", "inactive"]);
  assert.equal(fake.questions.length, 2);
});

test("a feed that falls out of sync while a question is under way makes it useless for requests that came later", async (t) => {
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t, { timeoutMs: 30_000 });
  const token = grant();
  const held = holdQuestions(fake);
  const early = verifier.verify(token);
  await eventually("the first question", () => held.length === 1);
  const late = verifier.verify(token);
  clock.stopProcess(4001);
  fake.send(held[0] as Exchange, exampleGrant(clock.wallMs()));
  await eventually("the second question", () => held.length === 2);
  fake.send(held[1] as Exchange, undefined);
  assert.deepEqual(outcomes(await Promise.all([early, late])), ["active", "inactive"]);
});

test("an answer that came while the feed was out of sync isn't used again once it is in sync", async (t) => {
  const { verifier, fake, grant } = await startTestVerifier(t);
  const token = grant();
  fake.position = 5;
  await verifier.verify(token);
  (await fake.nextFeed()).sync(5);
  await verifier.ready();
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("an answer that came while the feed was silent isn't used again once it is heard again", async (t) => {
  const { verifier, fake, feed, clock, grant } = await startSyncedVerifier(t);
  const token = grant();
  feed.destroy();
  clock.advance(4001);
  assert.equal((await verifier.verify(token)).outcome, "active");
  const next = await tryAgain(fake, clock);
  next.sync(10);
  await verifier.ready();
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("an answer from before this verifier began to hear serves nobody who only came along", async (t) => {
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t);
  const token = grant();
  const held = holdQuestions(fake);
  const early = verifier.verify(token);
  await eventually("the question", () => held.length === 1);
  const late = verifier.verify(token);
  fake.send(held[0] as Exchange, exampleGrant(clock.wallMs()), 9);
  await eventually("the second question", () => held.length === 2);
  fake.send(held[1] as Exchange, undefined);
  assert.deepEqual(outcomes(await Promise.all([early, late])), ["active", "inactive"]);
});

// The feed's own ways

test("the feed is asked for with the credentials, and not to be compressed", async (t) => {
  const { feed } = await startSyncedVerifier(t);
  const { headers, method, url } = feed.request;
  assert.deepEqual([method, url], ["GET", "/api/auth/v0/changes/"]);
  assert.equal(headers.authorization, `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString("base64")}`);
  assert.equal(headers.accept, "text/event-stream");
  assert.equal(headers["accept-encoding"], "identity");
  assert.equal(headers["last-event-id"], undefined);
});

test("a reset makes everything be asked about again, also what was under way", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const [kept, underWay] = [grant("kept"), grant("under way")];
  await verifier.verify(kept);
  const held = holdQuestions(fake);
  const verdict = verifier.verify(underWay);
  await eventually("the question", () => held.length === 1);
  feed.reset(4);
  feed.sync(4);
  await heard(4);
  fake.send(held[0] as Exchange, exampleGrant(clock.wallMs()), 10);
  await eventually("the pause", () => clock.timers().includes(25));
  fake.answer = undefined;
  fake.grants.clear();
  fake.position = 4;
  clock.advance(25);
  assert.equal((await verdict).outcome, "inactive");
  assert.equal((await verifier.verify(kept)).outcome, "inactive");
});

test("after a reset the feed is out of sync until it says otherwise", async (t) => {
  const { verifier, feed, heard } = await startSyncedVerifier(t);
  feed.reset(20);
  await heard(20);
  assert.equal(verifier.status().inSync, false);
  feed.sync(20);
  assert.equal(await verifier.ready(), true);
});

/** An event of the feed that names the one before it. */
const linked = (name: string, id: string, data: object) =>
  `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

test("events that name the one before them are heard, over a break too", async (t) => {
  const { verifier, fake, clock, grant, heard, problems } = await startTestVerifier(t);
  const feed = await fake.nextFeed();
  fake.position = 10;
  feed.write(linked("sync", "10-aa", { previous: null }));
  await verifier.ready();
  const token = grant();
  await verifier.verify(token);
  feed.write(linked("change", "11-ab", { previous: "10-aa", action: "key.deactivated", key_id: 4 }));
  feed.write(linked("sync", "12-ac", { previous: "11-ab" }));
  await heard(12);
  feed.destroy();
  const resumed = await tryAgain(fake, clock);
  assert.equal(resumed.lastEventId, "12-ac");
  resumed.write(linked("sync", "13-ad", { previous: "12-ac" }));
  await heard(13);
  await verifier.verify(token);
  assert.equal(fake.questions.length, 1);
  assert.deepEqual([...new Set(problems.map(({ code }) => code))], ["feed_unreachable"]);
});

for (const [what, previous] of [
  ["is withheld", "11-ab"],
  ["is withheld, and another of the same number told before it", "10-ff"],
  ["is withheld with all before it", null],
] as const) {
  test(`a change that ${what} is noticed by what comes next: everything is asked about again, on a new stream`, async (t) => {
    const { verifier, fake, clock, grant, heard, problems } = await startTestVerifier(t);
    const feed = await fake.nextFeed();
    fake.position = 10;
    feed.write(linked("sync", "10-aa", { previous: null }));
    await verifier.ready();
    const token = grant();
    await verifier.verify(token);
    fake.grants.clear();
    fake.position = 12;
    feed.write(linked("sync", "12-ac", { previous }));
    await eventually("the gap is noticed", () => !verifier.status().inSync);
    assert.equal((await verifier.verify(token)).outcome, "inactive");
    assert.match(problems[0]?.message ?? "", /left out an event/);
    const anew = await tryAgain(fake, clock);
    assert.equal(anew.lastEventId, undefined);
    anew.write(linked("sync", "12-ac", { previous: null }));
    await heard(12);
    assert.equal((await verifier.verify(token)).outcome, "inactive");
  });
}

for (const [what, say] of [
  ["a sync", (feed: { sync(position: number): void }) => feed.sync(9)],
  [
    "a change",
    (feed: { write(text: string): void }) =>
      feed.write('event: change\nid: 9\ndata: {"action":"key.added","key_id":8}\n\n'),
  ],
] as const) {
  test(`${what} that counts backwards is another store's: everything is asked about again`, async (t) => {
    const { verifier, fake, feed, grant, heard } = await startSyncedVerifier(t);
    const token = grant();
    await verifier.verify(token);
    say(feed);
    await heard(9);
    fake.position = 9;
    fake.grants.clear();
    assert.equal((await verifier.verify(token)).outcome, "inactive");
  });
}

test("a connection that breaks is resumed where it was, and what was missed is heard before anything is believed", async (t) => {
  const { verifier, fake, feed, clock, grant, heard } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  feed.change(12, { action: "key.added", key_id: 9 });
  await heard(12);
  feed.destroy();
  await eventually("the retry", () => clock.timers().includes(50));
  clock.advance(50);
  const second = await fake.nextFeed();
  assert.equal(second.lastEventId, "12");
  second.change(13, { action: "key.deactivated", key_id: 3 });
  second.sync(14);
  await heard(14);
  fake.position = 14;
  fake.grants.clear();
  assert.equal((await verifier.verify(token)).outcome, "inactive");
});

test("a service that comes back is heard again, and tokens are remembered again", async (t) => {
  const { verifier, fake, feed, clock, problems, grant } = await startSyncedVerifier(t);
  const token = grant();
  fake.answerFeed = (request) => void request.socket.destroy();
  feed.destroy();
  for (let second = 0; second < 60; second++) {
    await settle();
    clock.advance(1000);
  }
  assert.equal(verifier.status().inSync, false);
  assert.ok(fake.feedRequests > 10, `${fake.feedRequests} tries in a minute`);
  assert.ok(problems.every(({ code }) => code === "feed_unreachable"));
  fake.answerFeed = undefined;
  (await tryAgain(fake, clock)).sync(10);
  assert.equal(await verifier.ready(), true);
  await verifier.verify(token);
  await verifier.verify(token);
  assert.equal(fake.questions.length, 1);
});

test("a good connection makes up for the failures before it: when it breaks, the next try comes at once", async (t) => {
  const { fake, feed, clock, heard } = await startSyncedVerifier(t);
  fake.answerFeed = (request) => void request.socket.destroy();
  feed.destroy();
  for (let second = 0; second < 20; second++) {
    await settle();
    clock.advance(1000);
  }
  fake.answerFeed = undefined;
  const next = await tryAgain(fake, clock);
  for (let second = 1; second < 7; second++) {
    next.sync(10 + second);
    await heard(10 + second);
    clock.advance(1000);
  }
  next.destroy();
  await eventually("the retry", () => clock.timers().includes(50));
});

test("a stream that stays silent is given up, and another one asked for", async (t) => {
  const { verifier, fake, feed, clock, problems } = await startSyncedVerifier(t);
  feed.write(": still here\n\n");
  clock.advance(4000);
  await eventually("the retry", () => clock.timers().includes(50));
  assert.deepEqual(problems, [
    { code: "feed_silent", message: "The change feed hasn't said for 4000 ms that it is in sync." },
  ]);
  clock.advance(50);
  const second = await fake.nextFeed();
  assert.equal(second.lastEventId, "10");
  assert.equal(verifier.status().inSync, false);
});

for (const [what, text] of [
  ["an event without an id", "event: sync\ndata: {}\n\n"],
  ["an id that is no number", "event: sync\nid: 1x\ndata: {}\n\n"],
  ["a negative id", "event: sync\nid: -1\ndata: {}\n\n"],
  ["an id beyond what a number holds", `event: sync\nid: ${"9".repeat(16)}\ndata: {}\n\n`],
  ["a line without an end", `data: ${"x".repeat(200_000)}`],
  ["an event without an end", `data: ${"x".repeat(1000)}\n`.repeat(200)],
] as const) {
  test(`${what} ends the connection, and everything is asked about again`, async (t) => {
    const { verifier, fake, feed, clock, problems, grant } = await startSyncedVerifier(t);
    const token = grant();
    await verifier.verify(token);
    feed.write(text);
    await eventually("the problem", () => problems.length > 0);
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["feed_unexpected"],
    );
    assert.equal(verifier.status().inSync, false);
    clock.advance(50);
    const second = await fake.nextFeed();
    assert.equal(second.lastEventId, undefined);
    second.sync(10);
    await verifier.ready();
    fake.grants.clear();
    assert.equal((await verifier.verify(token)).outcome, "inactive");
  });
}

test("a stream of lines that mean nothing takes up no memory and doesn't count as being in sync", async (t) => {
  const { verifier, fake, clock } = await startTestVerifier(t);
  const feed = await fake.nextFeed();
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const heapUsed = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = heapUsed();
  for (let round = 0; round < 200; round++) {
    feed.write("x".repeat(500_000));
    if (feed.response.writableNeedDrain) await new Promise((resolve) => feed.response.once("drain", resolve));
  }
  assert.ok(heapUsed() - before < 20_000_000, "100 MB were sent");
  assert.equal(verifier.status().inSync, false);
  clock.advance(4000);
  await eventually("the retry", () => clock.timers().includes(50));
});

for (const [what, status, headers] of [
  ["another content type", 200, { "content-type": "text/html" }],
  ["no content", 204, {}],
  ["a redirect", 302, { location: "/elsewhere" }],
  ["a refusal", 401, {}],
  ["a fault", 500, {}],
] as const) {
  test(`${what} in place of the feed is no feed, and is reported`, async (t) => {
    const { verifier, fake, problems } = await startTestVerifier(t);
    const feed = await fake.nextFeed();
    feed.response.writeHead(status, headers);
    feed.response.end(status === 204 ? undefined : "event: sync\nid: 1\ndata: {}\n\n");
    await eventually("the problem", () => problems.length > 0);
    assert.equal(problems[0]?.code, status === 200 ? "feed_unexpected" : "feed_refused");
    assert.equal(verifier.status().inSync, false);
    assert.deepEqual(
      fake.requests.map(({ url }) => url),
      ["/api/auth/v0/changes/"],
    );
  });
}

test("refused credentials are tried again, slowly, until somebody has mended it", async (t) => {
  const { verifier, fake, clock, problems } = await startTestVerifier(t);
  fake.answerFeed = (_request, response) => void response.writeHead(401).end();
  for (let second = 0; second < 120; second++) {
    await settle();
    clock.advance(1000);
  }
  assert.ok(fake.feedRequests >= 8 && fake.feedRequests <= 10, `${fake.feedRequests} tries in 2 minutes`);
  assert.match(
    problems[0]?.message ?? "",
    /^The change feed answered with status 401: check clientId and clientSecret/,
  );
  fake.answerFeed = undefined;
  (await tryAgain(fake, clock)).sync(1);
  assert.equal(await verifier.ready(), true);
});

test("a Retry-After of the feed is heeded, up to a minute", async (t) => {
  for (const [header, waitMs] of [
    ["20", 20_000],
    ["86400", 60_000],
  ] as const) {
    const { fake, clock } = await startTestVerifier(t);
    (await fake.nextFeed()).response.writeHead(429, { "retry-after": header }).end();
    await eventually("the wait", () => clock.timers().includes(waitMs));
  }
});

// Life and death

test("a waiting ready hears of close, and of nothing that came with what made no sense", async (t) => {
  const { verifier, fake, problems } = await startTestVerifier(t);
  const waiting = verifier.ready();
  (await fake.nextFeed()).write("event: sync\ndata: {}\n\nevent: sync\nid: 1\ndata: {}\n\n");
  await eventually("the problem", () => problems.length > 0);
  await settle();
  verifier.close();
  assert.equal(await waiting, false);
});

test("ready says false where the feed doesn't come into sync in time", async (t) => {
  const { verifier, clock } = await startTestVerifier(t);
  const ready = verifier.ready(700);
  clock.advance(700);
  assert.equal(await ready, false);
});

test("after close nothing is decided, the stream is closed and no timer is left", async (t) => {
  const { verifier, feed, clock, grant } = await startSyncedVerifier(t);
  const token = grant();
  await verifier.verify(token);
  const waiting = verifier.ready();
  verifier.close();
  verifier.close();
  assert.equal((await verifier.verify(token)).outcome, "undecided");
  assert.equal(await waiting, true);
  assert.equal(await verifier.ready(), false);
  assert.equal(verifier.status().inSync, false);
  await eventually("the end of the stream", () => feed.request.socket.destroyed);
  assert.deepEqual(clock.timers(), []);
});

test("close while the next try is waited for ends that too", async (t) => {
  const { verifier, fake, feed, clock } = await startSyncedVerifier(t);
  feed.destroy();
  await eventually("the retry", () => clock.timers().includes(50));
  const waiting = verifier.ready();
  verifier.close();
  await waiting;
  await settle();
  assert.deepEqual(clock.timers(), []);
  assert.equal(fake.feedRequests, 1);
});

test("a problem is reported once in 5 s, and a listener that throws decides nothing", async (t) => {
  let calls = 0;
  const { verifier, fake, clock, grant } = await startSyncedVerifier(t, {
    onProblem: () => {
      calls++;
      throw new Error("the log is full");
    },
  });
  fake.answer = ({ response }) => void response.writeHead(500).end();
  for (let request = 0; request < 5; request++) {
    assert.equal((await verifier.verify(grant())).outcome, "undecided");
  }
  assert.equal(calls, 1);
  clock.stopProcess(5000);
  await verifier.verify(grant());
  assert.equal(calls, 2);
});
