/** Resource servers, through the real listener. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { matchesSecretHash } from "../../../core/resource-servers/client-secret.ts";
import { startOwnersConsole } from "../../../testing/test-console.ts";

const { console, ask } = await startOwnersConsole();
after(() => console.close());

/** A new resource server, with its secret and its ETag. */
async function create(name: string) {
  const made = await ask("POST", "/resource-servers", { name });
  assert.equal(made.status, 201, made.body);
  return { secret: made.json.data.client_secret as string, etag: made.headers["etag"] ?? "" };
}

const rotate = (name: string, graceSeconds: number, headers: Readonly<Record<string, string>>) =>
  ask("POST", `/resource-servers/${name}/secret`, { grace_seconds: graceSeconds }, headers);

/** Does the store take this secret for the current one, or for the one before, whose grace isn't over? */
async function standingOf(name: string, secret: string): Promise<"current" | "previous" | "dead"> {
  const server = await console.registry.store.resourceServers.find(name);
  assert.ok(server);
  if (matchesSecretHash(secret, server.secretHash)) return "current";
  const { previousSecret } = server;
  const isInGrace = previousSecret !== null && previousSecret.endsAtMs > console.clock.wallMs();
  return isInGrace && matchesSecretHash(secret, previousSecret.hash) ? "previous" : "dead";
}

describe("rotating a resource server's secret", () => {
  test("happens once under its Idempotency-Key: a retry leaves the new secret and the one in use unchanged", async () => {
    const { secret } = await create("retried");
    const first = await rotate("retried", 3600, { "Idempotency-Key": "r-1" });
    assert.equal(first.status, 200, first.body);
    assert.equal(first.headers["idempotency-replayed"], undefined);
    const again = await rotate("retried", 3600, { "Idempotency-Key": "r-1" });
    assert.equal(again.status, 200, again.body);
    assert.equal(again.headers["idempotency-replayed"], "true");
    assert.equal(again.json.data.client_secret, null);
    assert.equal(again.json.meta.warnings[0].code, "secret_not_repeated");
    assert.equal(again.json.data.previous_secret_ends_at, first.json.data.previous_secret_ends_at);
    assert.equal(again.headers["etag"], first.headers["etag"]);
    assert.equal(await standingOf("retried", first.json.data.client_secret), "current");
    assert.equal(await standingOf("retried", secret), "previous");
  });

  test("happens once however many requests come at the same time, and one of them gets the secret", async () => {
    const { secret } = await create("crowd");
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => rotate("crowd", 60, { "Idempotency-Key": "r-2" })),
    );
    const secrets = answers.flatMap(({ json }) => json.data.client_secret ?? []);
    assert.equal(secrets.length, 1);
    assert.equal(await standingOf("crowd", secrets[0]), "current");
    assert.equal(await standingOf("crowd", secret), "previous");
  });

  test("under the Idempotency-Key of another rotation is refused, and rotates nothing", async () => {
    await create("one");
    await create("two");
    const { json } = await rotate("one", 60, { "Idempotency-Key": "r-3" });
    for (const [name, grace] of [
      ["two", 60],
      ["one", 0],
    ] as const) {
      assert.equal((await rotate(name, grace, { "Idempotency-Key": "r-3" })).code, "idempotency_key_reused");
    }
    assert.equal(await standingOf("one", json.data.client_secret), "current");
  });

  test("changes the ETag, also without a grace, and If-Match refuses one that is based on the version before", async () => {
    const { secret, etag } = await create("tagged");
    const first = await rotate("tagged", 0, { "If-Match": etag });
    assert.equal(first.status, 200, first.body);
    assert.notEqual(first.headers["etag"], etag);
    assert.equal((await ask("GET", "/resource-servers/tagged")).headers["etag"], first.headers["etag"]);
    const late = await rotate("tagged", 0, { "If-Match": etag });
    assert.deepEqual([late.status, late.code], [412, "precondition_failed"]);
    assert.equal(await standingOf("tagged", first.json.data.client_secret), "current");
    assert.equal(await standingOf("tagged", secret), "dead");
  });

  test("repeats its answer to a retry whose If-Match names the version before it", async () => {
    const { etag } = await create("both");
    const headers = { "If-Match": etag, "Idempotency-Key": "r-4" };
    const first = await rotate("both", 60, headers);
    const again = await rotate("both", 60, headers);
    assert.deepEqual([again.status, again.headers["idempotency-replayed"]], [200, "true"]);
    assert.equal(await standingOf("both", first.json.data.client_secret), "current");
  });

  test("that doesn't exist is refused as not found, whatever its If-Match says", async () => {
    assert.equal((await rotate("nowhere", 0, { "If-Match": '"x"' })).status, 404);
  });
});
