/** What holds for every change through the admin API, whatever the resource. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { rsaKeyPair } from "../../../../../../test/testkit/rsa-keys.ts";
import { startTestConsole, type TestConsole } from "../../../testing/test-console.ts";

let console: TestConsole;
let cookie: string;

before(async () => {
  console = await startTestConsole();
  cookie = await console.signUp("owner@example.com", "owner");
  await console.signUp("viewer@example.com", "viewer");
  const { changes } = console.registry;
  await changes.createUser("test", { name: "demo", account: "acme", access: "full" });
  await changes.addKey("test", { username: "api-1-demo", text: rsaKeyPair("alice").publicPem });
  await ask("POST", "/resource-servers", { name: "shop" });
});

after(() => console.close());

const ask = (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
  console.ask(method, path, body, { cookie, headers });

describe("a PATCH that changes nothing", () => {
  for (const path of ["/accounts/acme", "/users/api-1-demo", "/keys/1", "/resource-servers/shop", "/operators/2"]) {
    test(`is accepted only for the version that If-Match names: ${path}`, async () => {
      const read = await ask("GET", path);
      assert.equal(read.status, 200, read.body);
      const etag = read.headers["etag"] ?? "";
      for (const body of [{}, { status: read.json.data.status }]) {
        const same = await ask("PATCH", path, body, { "If-Match": etag });
        assert.deepEqual([same.status, same.headers["etag"]], [200, etag], same.body);
        for (const headers of [{ "If-Match": '"x"' }, { "If-Match": `W/${etag}` }, { "If-None-Match": etag }]) {
          const refused = await ask("PATCH", path, body, headers);
          assert.deepEqual([refused.status, refused.code], [412, "precondition_failed"], JSON.stringify(headers));
        }
      }
    });
  }
});

describe("a request under an Idempotency-Key", () => {
  for (const [path, first, reordered, other] of [
    [
      "/users",
      { account: "acme", name: "ordered", access: "full" },
      { access: "full", name: "ordered", account: "acme" },
      { account: "acme", name: "ordered", access: "read_only" },
    ],
    [
      "/users/api-1-demo/keys",
      { public_key: rsaKeyPair("bob").publicPem, label: "laptop" },
      { label: "laptop", public_key: rsaKeyPair("bob").publicPem },
      { public_key: rsaKeyPair("bob").publicPem, label: "desk" },
    ],
    [
      "/admin-tokens",
      { name: "deploy", role: "viewer", account: "acme" },
      { account: "acme", role: "viewer", name: "deploy" },
      { name: "deploy", role: "viewer" },
    ],
  ] as const) {
    test(`is the same with its members in another order: POST ${path}`, async () => {
      const headers = { "Idempotency-Key": `ordered ${path}` };
      const made = await ask("POST", path, first, headers);
      assert.equal(made.status, 201, made.body);
      const again = await ask("POST", path, reordered, headers);
      assert.deepEqual([again.status, again.headers["idempotency-replayed"]], [201, "true"], again.body);
      assert.equal(again.json.data.id, made.json.data.id);
      assert.equal((await ask("POST", path, other, headers)).code, "idempotency_key_reused");
    });
  }
});
