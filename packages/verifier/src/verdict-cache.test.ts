import assert from "node:assert/strict";
import { test } from "node:test";
import { createChangeHistory } from "./change-history.ts";
import { momentOf } from "./clock.ts";
import { createTestClock } from "./testing/test-clock.ts";
import { createVerdictCache } from "./verdict-cache.ts";

const GRANT = {
  auth: { username: "api-1-demo", userId: 1, account: "acme", access: "full", keyId: 3, expiresAt: 2e9 },
  subject: { account: "acme", username: "api-1-demo", keyId: 3, tokenId: "3-1" },
} as const;

test("a good token's life counts from when it was asked about, though the machine slept before the answer", () => {
  const clock = createTestClock();
  const history = createChangeHistory();
  history.hearSync(10);
  const cache = createVerdictCache(10, history, clock);
  const asked = momentOf(clock);
  clock.sleepMachine(4000);
  cache.keepActive("digest", GRANT, { epoch: history.epoch, position: 10 }, 5000, asked);
  clock.advance(999);
  assert.equal(cache.find("digest")?.outcome, "active");
  clock.advance(1);
  assert.equal(cache.find("digest"), undefined);
});
