import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointAudiences } from "../../../core/assertion/audiences.ts";
import type { Principal } from "../../../core/operators/model.ts";
import { Refusal } from "../../../core/refusal.ts";
import { buildAssertion } from "../../../testing/build-assertion.ts";
import { countRsaOperations } from "../../../testing/count-rsa.ts";
import { rsaKeyPair } from "../../../../../../test/testkit/rsa-keys.ts";
import { createTestClock } from "../../../testing/test-clock.ts";
import { testViewUser } from "../../../testing/test-view.ts";
import { createExplainHandlers, type ExplainHandlerDependencies } from "./handlers.ts";

const stranger = rsaKeyPair("stranger");
const user = testViewUser(
  Array.from({ length: 12 }, (_, at) => ({ id: at + 1, publicKey: rsaKeyPair(`explained ${at % 3}`).publicKey })),
);

function explainHandlers(figures: { atOnce: number; atOnceMax: number }) {
  return createExplainHandlers({
    view: {
      async findUser() {
        figures.atOnceMax = Math.max(figures.atOnceMax, ++figures.atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        figures.atOnce--;
        return user;
      },
      findKey: () => undefined,
    },
    store: { clockMs: async () => undefined },
    clock: createTestClock(),
    audiences: endpointAudiences("https://auth.example").exchange,
  } as unknown as ExplainHandlerDependencies);
}

type Request = Parameters<ReturnType<typeof createExplainHandlers>["explainAssertion"]>[0];

function requestBy(actor: string): Request {
  const principal = { actor, accountId: null } as unknown as Principal;
  return { principal, body: { assertion: buildAssertion(stranger.privateKey) } } as unknown as Request;
}

test("assertions are explained one at a time; beyond a bound, requests are refused with a Retry-After", async () => {
  const figures = { atOnce: 0, atOnceMax: 0 };
  const { explainAssertion } = explainHandlers(figures);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, (_, at) => explainAssertion(requestBy(at % 2 === 0 ? "operator:1" : "operator:2"))),
  );
  const refused = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  assert.equal(outcomes.length - refused.length, 33, "one under way, and 32 that wait");
  for (const { reason } of refused) {
    assert.ok(reason instanceof Refusal, String(reason));
    assert.deepEqual([reason.code, reason.detail.retryAfterSeconds], ["unavailable", 1]);
  }
  assert.equal(figures.atOnceMax, 1);
});

test("an explanation tries each key of the signature's length with each algorithm once, beside the exchange's own tries", async () => {
  const { explainAssertion } = explainHandlers({ atOnce: 0, atOnceMax: 0 });
  const request = requestBy("operator:1");
  const operations = await countRsaOperations(() => explainAssertion(request));
  // The two that the exchange tries; then each key with the header's algorithm and with the five others.
  assert.equal(operations, 2 + 12 * 6);
});
