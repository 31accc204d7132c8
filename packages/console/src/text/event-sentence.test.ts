import assert from "node:assert/strict";
import { test } from "node:test";
import { actorName, eventSentence, type SentenceInput } from "./event-sentence.ts";

function sentence(event: Partial<SentenceInput>): string {
  return eventSentence({ actor: "cli:alice", action: "", subject: "", details: {}, ...event })
    .map((part) => (typeof part === "string" ? part : part.name))
    .join("")
    .replace(/^alice /, "");
}

test("an event reads as a sentence", () => {
  assert.equal(
    sentence({ action: "key.deactivated", subject: "key:3", details: { username: "api-1-demo" } }),
    "deactivated key 3 of api-1-demo",
  );
  assert.equal(
    sentence({ action: "user.created", subject: "user:1", details: { username: "api-1-r", access: "read_only" } }),
    "created the Read-Only API User api-1-r",
  );
  assert.equal(sentence({ action: "signing_key.retired", subject: "signing_key:2" }), "retired signing key 2");
});

test("what the service found out about keys reads as a sentence", () => {
  const key = { subject: "key:3", details: { username: "api-1-demo", days: 7, weakness: "close_primes" } };
  assert.equal(sentence({ ...key, action: "key.expiring" }), "reported that key 3 of api-1-demo expires within 7 days");
  assert.equal(sentence({ ...key, action: "key.unused" }), "reported that key 3 of api-1-demo is unused");
  assert.equal(sentence({ ...key, action: "key.found_weak" }), "found key 3 of api-1-demo weak: close primes");
});

test("a rotation names both keys, and a key that revoked itself is the actor", () => {
  const details = { username: "api-1-demo", rotated_from: 3, by_statement: true };
  assert.equal(sentence({ action: "key.added", subject: "key:5", details }), "rotated key 3 to key 5 of api-1-demo");
  assert.equal(
    sentence({ action: "key.revoked", subject: "key:3", details }),
    "permanently revoked key 3 of api-1-demo by its own statement",
  );
  assert.deepEqual(actorName("key:3"), { kind: "", name: "key 3" });
});

test("a webhook endpoint is named by its number and its origin, and links to its page", () => {
  const [, , webhook] = eventSentence({
    actor: "operator:ada@example.com",
    action: "webhook.disabled",
    subject: "webhook:2",
    details: { origin: "https://hooks.example.com", reason: "gone" },
  });
  assert.deepEqual(webhook, { name: "2 (https://hooks.example.com)", href: "/webhooks/2" });
});

test("an event without details still names its subject", () => {
  assert.equal(sentence({ action: "key.revoked", subject: "key:3" }), "permanently revoked key 3");
  assert.equal(sentence({ action: "account.created", subject: "account:7" }), "created the account 7");
});

test("the actor is a part of the sentence, with its kind where the name doesn't show it", () => {
  const [actor, words] = eventSentence({
    actor: "admin-token:pipeline",
    action: "operator.signed_in",
    subject: "",
    details: {},
  });
  assert.deepEqual(actor, { name: "pipeline", kind: "admin token", isActor: true });
  assert.equal(words, " signed in");
});

test("an unknown action is shown by its own name", () => {
  assert.equal(sentence({ action: "quota.set_up", subject: "quota:1" }), "quota set up: quota:1");
});

test("the name of an API user can't change where its link leads", () => {
  const [, , user] = eventSentence({
    actor: "",
    action: "user.activated",
    subject: "user:1",
    details: { username: "../../x?y#z" },
  });
  assert.ok(typeof user === "object");
  assert.equal(user.href, "/users/..%2F..%2Fx%3Fy%23z");
});

test("an actor is split into kind and name", () => {
  assert.deepEqual(actorName("operator:ada@example.com"), { kind: "", name: "ada@example.com" });
  assert.deepEqual(actorName("cli:alice"), { kind: "command line", name: "alice" });
  assert.deepEqual(actorName("something"), { kind: "", name: "something" });
});
