import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fastify } from "fastify";
import type { Audience } from "./answers.ts";
import { type Readiness, registerHealthRoutes } from "./health-routes.ts";

async function ready(state: Awaited<ReturnType<Readiness>>, audience?: Audience) {
  const app = fastify();
  registerHealthRoutes(app, () => Promise.resolve(state), audience);
  const { statusCode, body } = await app.inject("/readyz");
  await app.close();
  return [statusCode, JSON.parse(body)] as const;
}

describe("/readyz of a node whose store can be read but not written", () => {
  const state = { ready: true, writeProblem: "the disk is full" } as const;

  test("is 200 and degraded for the public, without the reason, since exchanges and checks work", async () => {
    const degraded = { status: "ready", degraded: "changes can't be made right now" };
    assert.deepEqual(await ready(state), [200, degraded]);
    assert.deepEqual(await ready(state, "clients"), [200, degraded]);
  });

  test("is 503 with the reason for operators", async () => {
    assert.deepEqual(await ready(state, "operators"), [
      503,
      { status: "not_ready", reason: "changes can't be made: the disk is full" },
    ]);
  });
});

test("/readyz is 200 for both where nothing is wrong, and 503 for both where the node can't serve", async () => {
  for (const audience of ["clients", "operators"] as const) {
    assert.deepEqual(await ready({ ready: true, writeProblem: undefined }, audience), [200, { status: "ready" }]);
    assert.deepEqual(await ready({ ready: false, reason: "stopping" }, audience), [
      503,
      { status: "not_ready", reason: "stopping" },
    ]);
  }
});
