/** Invitations, through the real listener. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startOwnersConsole } from "../../../testing/test-console.ts";
import { TEST_PASSWORD } from "../../../testing/test-operators.ts";

const { console, ask } = await startOwnersConsole();
after(() => console.close());

describe("an invitation", () => {
  test("is made once however often the request is repeated, and its link is shown once", async () => {
    const invite = (email: string) =>
      ask("POST", "/invitations", { email, role: "viewer", account: "acme" }, { "Idempotency-Key": "invite-1" });
    const first = await invite("once@example.com");
    assert.equal(first.status, 201, first.body);
    const again = await invite("once@example.com");
    assert.equal(again.status, 201);
    assert.equal(again.headers["idempotency-replayed"], "true");
    assert.equal(again.json.data.link, null);
    assert.equal(again.json.meta.warnings[0].code, "secret_not_repeated");
    assert.equal(again.json.data.id, first.json.data.id);
    assert.equal((await invite("other@example.com")).code, "idempotency_key_reused");
    const token = new URL(first.json.data.link).hash.slice(1);
    const used = await console.ask("POST", "/links/use", { token, password: TEST_PASSWORD });
    assert.equal(used.status, 200, used.body);
    // Its invitation has been used up: there is nothing left to show.
    assert.equal((await invite("once@example.com")).status, 404);
  });

  test("is listed while it is open, without its link, and can be withdrawn once", async () => {
    const made = await ask("POST", "/invitations", { email: "open@example.com", role: "viewer" });
    const { link, ...shown } = made.json.data;
    assert.ok(link);
    const list = await ask("GET", "/invitations?limit=1");
    assert.deepEqual(list.json.data, [shown]);
    const { id } = shown;
    assert.equal((await ask("DELETE", `/invitations/${id}`)).status, 200);
    assert.equal((await ask("DELETE", `/invitations/${id}`)).status, 404);
    const look = await console.ask("POST", "/links/look", { token: new URL(link).hash.slice(1) });
    assert.deepEqual([look.status, look.code], [403, "link_invalid"]);
  });

  test("is refused with an error for each wrong field", async () => {
    for (const [body, field] of [
      [{ email: "no address", role: "viewer" }, "/email"],
      [{ email: "a@example.com", role: "root" }, "/role"],
      [{ email: "a@example.com", role: "viewer", account: "nowhere" }, "/account"],
      [{ role: "viewer" }, "/email"],
    ] as const) {
      const answer = await ask("POST", "/invitations", body);
      assert.deepEqual([answer.status, answer.json.meta.errors[0].field], [422, field], answer.body);
    }
    const taken = await ask("POST", "/invitations", { email: "owner@example.com", role: "viewer" });
    assert.deepEqual([taken.status, taken.code], [409, "conflict"]);
  });
});
