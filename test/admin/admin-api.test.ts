/** The admin API as a program uses it, on a real server: its changes take effect at the exchange and the check. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import type { AdminClient } from "../testkit/admin-client.ts";
import { type ConsoleServer, startConsoleServer, useLink } from "../testkit/console-server.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";

for (const engine of ["SQLite", "PostgreSQL"]) {
  describe(`the admin API on ${engine}`, { concurrency: false }, () => {
    let console: ConsoleServer;
    let postgres: TestPostgres | undefined;
    let admin: AdminClient;
    const pair = makeKeyPair();

    before(async () => {
      if (engine === "PostgreSQL") postgres = await startPostgres();
      console = await startConsoleServer(
        postgres === undefined ? {} : { env: { COUNTERSIGN_DATABASE_URL: await postgres.createDatabase() } },
      );
      const { server, api } = console;
      const { token } = await server.json<{ token: string }>("admin-token", "create", "test", "--role", "owner");
      admin = api.client.as({ bearer: token });
    });
    after(async () => {
      await console.server.stop();
      await postgres?.stop();
    });

    const exchange = async () => {
      const answer = await fetch(`${console.server.publicUrl}/api/auth/v0/refresh/`, {
        headers: { authorization: `JWT ${signAssertion("api-1-demo", pair.privateKey)}` },
      });
      const { meta, data } = (await answer.json()) as { meta: { errors: { code: string }[] }; data: { token: string } };
      return { status: answer.status, token: data.token, code: meta.errors[0]?.code };
    };
    const checkStatus = async (token: string) => {
      const answer = await fetch(`${console.server.publicUrl}/api/auth/v0/check/`, {
        headers: { authorization: `Token ${token}` },
      });
      await answer.arrayBuffer();
      return answer.status;
    };

    test("creates an account, an API user and a key, and the key works", async () => {
      const account = await admin.post("/accounts", { shortname: "acme", name: "Acme Ltd" });
      assert.equal(account.status, 201);
      assert.equal(account.headers.get("location"), "/api/admin/v1/accounts/acme");
      const user = await admin.post("/users", { account: "acme", name: "demo", access: "full" });
      assert.equal(user.body.data.username, "api-1-demo");
      const inspected = await admin.post("/keys/inspect", { public_key: pair.publicPem });
      const key = await admin.post("/users/api-1-demo/keys", { public_key: pair.publicPem, label: "laptop" });
      assert.equal(key.body.data.fingerprint, inspected.body.data.fingerprint);
      assert.equal((await exchange()).status, 200);
    });

    test("deactivating a key ends its tokens before the answer, and activating it brings them back", async () => {
      const { token } = await exchange();
      const off = await admin.patch("/keys/1", { status: "deactivated" });
      assert.equal(off.body.data.status, "deactivated");
      assert.equal((await exchange()).code, "key_deactivated");
      assert.equal(await checkStatus(token), 403);
      await admin.patch("/keys/1", { status: "active" });
      assert.equal(await checkStatus(token), 200);
      assert.equal((await exchange()).status, 200);
    });

    test("users and accounts are deactivated and activated in the same way", async () => {
      for (const [path, code] of [
        ["/users/api-1-demo", "user_deactivated"],
        ["/accounts/acme", "account_deactivated"],
      ] as const) {
        assert.equal((await admin.patch(path, { status: "deactivated" })).body.data.status, "deactivated");
        assert.equal((await exchange()).code, code);
        await admin.patch(path, { status: "active" });
        assert.equal((await exchange()).status, 200);
      }
    });

    test("many are deactivated in one request, each as a change of its own, and their tokens end before the answer", async () => {
      const { token } = await exchange();
      assert.equal(await checkStatus(token), 200);
      await admin.post("/users", { account: "acme", name: "many", access: "full" });
      const usernames = ["api-1-many", "api-1-nobody", "api-1-demo"];
      const outcomes = async () =>
        ((await admin.post("/users/deactivate", { usernames })).body.data.users as { outcome: string }[]).map(
          ({ outcome }) => outcome,
        );
      const events = async () => (await admin.get("/audit-events?action=user.deactivated&limit=2")).body;
      const { count } = (await events()).meta;
      assert.deepEqual(await outcomes(), ["deactivated", "refused", "deactivated"]);
      assert.equal(await checkStatus(token), 403);
      const { data, meta } = await events();
      assert.equal(meta.count, count + 2);
      assert.deepEqual(
        (data as { details: { username: string } }[]).map(({ details }) => details.username),
        ["api-1-demo", "api-1-many"],
      );
      assert.deepEqual(await outcomes(), ["unchanged", "refused", "unchanged"]);
      assert.equal((await events()).meta.count, count + 2);
      for (const username of ["api-1-demo", "api-1-many"])
        await admin.patch(`/users/${username}`, { status: "active" });
      assert.equal(await checkStatus(token), 200);
      const keys = await admin.post("/keys/deactivate", { ids: [1, 99_999] });
      assert.deepEqual(
        (keys.body.data.keys as { outcome: string }[]).map(({ outcome }) => outcome),
        ["deactivated", "refused"],
      );
      assert.equal(await checkStatus(token), 403);
      await admin.patch("/keys/1", { status: "active" });
      const names = Array.from({ length: 101 }, (_, index) => `api-1-${index}`);
      for (const [path, body] of [
        ["/users/deactivate", { usernames: [] }],
        ["/users/deactivate", { usernames: names }],
        ["/users/deactivate", { usernames: ["api-1-demo", "api-1-demo"] }],
        ["/users/deactivate", { usernames: "api-1-demo" }],
        ["/users/deactivate", { usernames: [1] }],
        ["/users/deactivate", { usernames: ["api-1-demo"], status: "active" }],
        ["/users/deactivate", {}],
        ["/keys/deactivate", { ids: ["1"] }],
        ["/keys/deactivate", { ids: [1, 1] }],
        ["/keys/deactivate", { ids: [0] }],
        ["/keys/deactivate", { ids: [1.5] }],
      ] as const) {
        assert.equal((await admin.post(path, body)).status, 422, JSON.stringify(body).slice(0, 80));
      }
      assert.equal((await admin.get("/users/api-1-demo")).body.data.status, "active");
    });

    test("a change is made only to the version that was read", async () => {
      const read = await admin.get("/keys/1");
      const etag = read.headers.get("etag") ?? "";
      assert.match(etag, /^"[\w-]{22}"$/);
      const labelled = await admin.patch("/keys/1", { label: "desk" }, { "if-match": etag });
      assert.equal(labelled.body.data.label, "desk");
      assert.notEqual(labelled.headers.get("etag"), etag);
      const late = await admin.patch("/keys/1", { status: "revoked" }, { "if-match": etag });
      assert.equal(late.status, 412);
      assert.equal(late.code, "precondition_failed");
      assert.equal((await admin.get("/keys/1")).body.data.status, "active");
    });

    test("a resource may be sent back as it was read with one member changed, and only that member changes", async () => {
      await admin.post("/resource-servers", { name: "whole" });
      const invited = await console.server.cli("operator", "invite", "whole@example.com", "--role", "viewer");
      const link = invited.stdout.trim();
      await useLink(console, new URL(link).hash.slice(1));
      const operator = (await admin.get("/operators?q=whole@")).body.data[0].id;
      for (const path of [
        "/accounts/acme",
        "/users/api-1-demo",
        "/keys/1",
        "/resource-servers/whole",
        `/operators/${operator}`,
      ]) {
        const read = await admin.get(path);
        const whole = read.body.data;
        const tag = { "if-match": read.headers.get("etag") ?? "" };
        const same = await admin.patch(path, whole, tag);
        assert.equal(same.status, 200, same.text);
        assert.equal(same.headers.get("etag"), tag["if-match"]);
        const off = await admin.patch(path, { ...whole, status: "deactivated" }, tag);
        assert.equal(off.body.data.status, "deactivated", off.text);
        // With an admin token, operators can only be deactivated.
        if (path.startsWith("/operators")) await console.server.cli("operator", "activate", "whole@example.com");
        // Members that change by themselves may have changed since.
        for (const member of ["users", "tokens_today", "last_used_at", "last_signed_in_at"]) {
          if (member in whole) whole[member] = member.endsWith("_at") ? "2001-01-01T00:00:00.000Z" : 1000;
        }
        assert.equal((await admin.patch(path, whole)).body.data.status, "active");
        for (const member of Object.keys(whole).filter((name) =>
          /^(?:id|created_at|username|fingerprint)$/.test(name),
        )) {
          const other = await admin.patch(path, { ...whole, [member]: "2001-01-01T00:00:00.000Z" });
          assert.deepEqual([other.status, other.code], [422, "field_invalid"], `${path} ${member}`);
          assert.equal(other.body.meta.errors[0].field, `/${member}`);
        }
        const unknown = await admin.patch(path, { ...whole, nonsense: 1 });
        assert.equal(unknown.code, "field_invalid");
      }
    });

    test("an expired key may be sent back as it was read too, and no other key can be set to a past expiry", async () => {
      const { publicPem } = makeKeyPair();
      const expireIn = (ms: number) =>
        admin.post("/users/api-1-demo/keys", {
          public_key: publicPem,
          expires_at: new Date(Date.now() + ms).toISOString(),
        });
      let made = await expireIn(1000);
      // On a busy machine the time may have passed before the request is read.
      for (let ms = 2000; made.status >= 400 && ms < 60_000; ms *= 2) made = await expireIn(ms);
      const path = `/keys/${made.body.data.id}`;
      const whole = await eventually("the key has expired", async () => {
        const { data } = (await admin.get(path)).body;
        return data.status === "expired" ? data : undefined;
      });
      const labelled = await admin.patch(path, { ...whole, label: "late" });
      assert.deepEqual([labelled.body.data.status, labelled.body.data.label], ["expired", "late"], labelled.text);
      const later = await admin.patch(path, { ...whole, expires_at: null });
      assert.equal(later.body.data.status, "active", later.text);
      assert.equal((await admin.patch("/keys/1", { status: "expired" })).code, "field_invalid");
    });

    test("a conditional read is answered in full only if there is a newer version", async () => {
      const etag = (await admin.get("/keys/1")).headers.get("etag") ?? "";
      const get = (headers: Readonly<Record<string, string>>) => admin.send("GET", "/keys/1", { headers });
      for (const known of [etag, `W/${etag}`, `"x", W/${etag}`, "*"]) {
        const answer = await get({ "if-none-match": known });
        assert.deepEqual([answer.status, answer.text, answer.headers.get("etag")], [304, "", etag], known);
      }
      assert.equal((await get({ "if-none-match": '"x"' })).status, 200);
      assert.equal((await get({ "if-match": `"x", ${etag}` })).status, 200);
      for (const other of ['"x"', `W/${etag}`]) assert.equal((await get({ "if-match": other })).status, 412, other);
      assert.equal((await admin.patch("/keys/1", { label: "x" }, { "if-none-match": `W/${etag}` })).status, 412);
      assert.equal((await admin.patch("/keys/1", {}, { "if-match": `W/${etag}` })).status, 412);
    });

    test("a tag doesn't move when a key is merely used", async () => {
      const before = (await admin.get("/keys/1")).headers.get("etag");
      await exchange();
      const used = await eventually("usage is written", async () => {
        const user = await admin.get("/users/api-1-demo");
        return user.body.data.tokens_today >= 5 ? user : undefined;
      });
      assert.notEqual(used.body.data.last_used_at, null);
      assert.equal((await admin.get("/keys/1")).headers.get("etag"), before);
    });

    test("usage is shown by the hour, and live tokens that a deactivation would stop are counted", async () => {
      const { token } = await exchange();
      assert.ok(token.length > 0);
      // Some of the tokens may be counted a moment after the others.
      const impact = await eventually(
        "live tokens are counted, and the same number of tokens by each scope",
        async () => {
          const answer = await admin.get("/impact?key_id=1");
          const counted = new Set([answer.body.data.live_tokens]);
          for (const scope of ["", "username=api-1-demo", "account=acme", "key_id=1"]) {
            const usage = await admin.get(`/usage?${scope}`);
            counted.add((usage.body.data.hours as { tokens: number }[]).reduce((sum, hour) => sum + hour.tokens, 0));
          }
          return counted.size === 1 && answer.body.data.live_tokens >= 6 ? answer : undefined;
        },
      );
      assert.equal(impact.body.data.client_count, 1);
      assert.equal(impact.body.data.clients[0].username, "api-1-demo");
      assert.equal((await admin.get("/usage?username=api-1-demo&key_id=1")).status, 422);
      assert.equal((await admin.get("/usage?from=2020-01-01T00:00:00Z")).status, 422);
      assert.equal((await admin.get("/impact?username=api-9-nobody")).status, 404);
    });

    test("a creation is made once under its Idempotency-Key, and its secret is shown once", async () => {
      const ask = (name: string) => admin.post("/resource-servers", { name }, { "idempotency-key": "k-1" });
      const first = await ask("orders");
      const again = await ask("orders");
      assert.match(first.body.data.client_secret, /^csrs_/);
      assert.equal(again.status, 201);
      assert.equal(again.body.data.client_secret, null);
      assert.equal(again.body.data.client_id, first.body.data.client_id);
      assert.equal(again.headers.get("idempotency-replayed"), "true");
      assert.equal(again.body.meta.warnings[0].code, "secret_not_repeated");
      const other = await ask("payments");
      assert.equal(other.status, 422);
      assert.equal(other.code, "idempotency_key_reused");
      const concurrent = await Promise.all(
        Array.from({ length: 8 }, () =>
          admin.post("/users", { account: "acme", name: "once", access: "read_only" }, { "idempotency-key": "k-2" }),
        ),
      );
      for (const { status, body } of concurrent) {
        assert.equal(status, 201);
        assert.equal(body.data.username, "api-1-once");
      }
    });

    test("pages of a list skip and repeat nothing while rows are added", async () => {
      for (let index = 0; index < 7; index++) {
        await admin.post("/users", { account: "acme", name: `page-${index}`, access: "full" });
      }
      const names: string[] = [];
      let path: string | null = "/users?limit=3&q=page-&order=name";
      let last: string | null = null;
      while (path !== null) {
        const { body } = await admin.get(path);
        assert.ok(body.meta.count >= 7);
        names.push(...(body.data as { name: string }[]).map(({ name }) => name));
        last = body.meta.previous;
        path = body.meta.next;
        // This row sorts between two that were shown already.
        if (names.length === 3) await admin.post("/users", { account: "acme", name: "page-1a", access: "full" });
      }
      assert.deepEqual(
        names,
        [0, 1, 2, 3, 4, 5, 6].map((index) => `page-${index}`),
      );
      const back = await admin.get(last ?? "");
      assert.deepEqual(
        (back.body.data as { name: string }[]).map(({ name }) => name),
        ["page-3", "page-4", "page-5"],
      );
      assert.equal((await admin.get("/users?cursor=nonsense")).status, 422);
      assert.equal((await admin.get("/users?limit=501")).status, 422);
    });

    test("lists are read in both directions, and a cursor of one order is refused in another", async () => {
      const first = async (path: string) => (await admin.get(`${path}limit=2`)).body;
      const all = async (path: string, member: string) =>
        ((await admin.get(`${path}limit=500`)).body.data as Record<string, string>[]).map((item) => item[member]);
      for (const [path, member, turned] of [
        ["/users?", "username", "ascending"],
        ["/users?order=name&", "username", "descending"],
        ["/users?q=age-&", "username", "ascending"],
        ["/users?q=age-&order=name&", "username", "descending"],
        ["/users?name_prefix=page-&", "username", "descending"],
        ["/keys?", "id", "ascending"],
        ["/audit-events?", "seq", "ascending"],
        ["/accounts?", "shortname", "descending"],
        ["/accounts?order=shortname&", "shortname", "descending"],
      ] as const) {
        const list = await all(path, member);
        assert.ok(list.length > 0, path);
        const other = `${path}direction=${turned}&`;
        assert.deepEqual(await all(other, member), list.toReversed(), path);
        const natural = turned === "ascending" ? "descending" : "ascending";
        assert.deepEqual(await all(`${path}direction=${natural}&`, member), list, path);
        if (list.length < 3) continue;
        const { next } = (await first(other)).meta;
        const { data, meta } = (await admin.get(next)).body;
        assert.deepEqual([data[0][member], meta.position], [list.at(-3), 3], path);
        assert.match(meta.previous, /direction=/);
        const cursor = new URL(next, "http://localhost").searchParams.get("cursor") ?? "";
        const foreign = await admin.get(`${path}cursor=${cursor}`);
        assert.deepEqual([foreign.status, foreign.body.meta.errors[0].pointer ?? "/cursor"], [422, "/cursor"], path);
      }
      assert.equal((await admin.get("/users?name_prefix=page-&order=newest")).status, 200);
      for (const query of [
        "direction=up",
        "direction=",
        "direction=ascending&direction=ascending",
        "name_prefix=page-&order=newest&direction=ascending",
      ]) {
        assert.equal((await admin.get(`/users?${query}`)).status, 422, query);
      }
    });

    test("filters and searches find exactly what they describe", async () => {
      const usernames = async (query: string) =>
        ((await admin.get(`/users?${query}`)).body.data as { username: string }[]).map(({ username }) => username);
      assert.deepEqual(await usernames("access=read_only"), ["api-1-once"]);
      assert.deepEqual(await usernames("q=api-1-de"), ["api-1-demo"]);
      assert.deepEqual(await usernames("q=DEM"), ["api-1-demo"]);
      assert.deepEqual(await usernames("q=%20-1-dem%20"), ["api-1-demo"]);
      assert.deepEqual(await usernames("name_prefix=dem"), ["api-1-demo"]);
      assert.deepEqual(await usernames("name_prefix=emo"), []);
      const { fingerprint, thumbprint } = (await admin.get("/keys/1")).body.data;
      assert.deepEqual(await usernames(`q=${encodeURIComponent(fingerprint)}`), ["api-1-demo"]);
      assert.deepEqual(await usernames(`q=${thumbprint}`), ["api-1-demo"]);
      assert.deepEqual(await usernames(`q=${encodeURIComponent(fingerprint.slice(0, 15))}`), ["api-1-demo"]);
      assert.equal((await admin.get("/users?name_prefix=d&order=newest&direction=ascending")).status, 422);
      const actors = (await admin.get("/audit-events?actor_contains=CLI%3A&limit=5")).body.data as { actor: string }[];
      assert.notDeepEqual(actors, []);
      assert.ok(actors.every(({ actor }) => actor.startsWith("cli:")));
      assert.deepEqual(await usernames("account=nobody"), []);
      assert.deepEqual(await usernames("status=deactivated"), []);
      assert.deepEqual(await usernames("q=%00"), []);
    });

    test("an import has a result for each row, and a refused row doesn't keep the others from being imported", async () => {
      const [own, other] = [makeKeyPair(), makeKeyPair()];
      assert.equal((await admin.post("/accounts", { shortname: "bulk" })).status, 201);
      const rows = [
        { name: "bulk-one", public_key: own.publicPem, label: "bulk" },
        { name: "Bulk", public_key: other.publicPem },
        { name: "bulk-two", public_key: own.publicPem },
        { name: "bulk-three", account: "nowhere" },
        { name: "bulk-four", public_key: other.privatePem },
        { name: "bulk-five", access: "read_only", display_name: "Five", description: null, contact: "#five" },
      ];
      const request = { rows: rows.map((row) => ({ account: "bulk", ...row })) };
      const dryRun = await admin.post("/users/import", { ...request, dry_run: true });
      assert.equal((await admin.get("/users?account=bulk")).body.meta.count, 0);
      const answer = await admin.post("/users/import", request);
      assert.equal(answer.status, 200, answer.text);
      // A key that wasn't added had an id only while the rows were examined.
      const withoutKeyIds = (rows: readonly { message: string | null }[]) =>
        rows.map(({ message, ...row }) => ({
          ...row,
          key_id: null,
          message: message?.replaceAll(/\bkey \d+/g, "key"),
        }));
      assert.ok(dryRun.body.data.rows.every((row: { key_id: unknown }) => row.key_id === null));
      assert.deepEqual(withoutKeyIds(dryRun.body.data.rows), withoutKeyIds(answer.body.data.rows));
      const { refused, rows: results } = answer.body.data;
      const outcomes = results.map(({ outcome, code }: { outcome: string; code: string | null }) => code ?? outcome);
      assert.deepEqual(outcomes, [
        "created",
        "field_invalid",
        "key_weak",
        "not_found",
        "private_key_exposed",
        "created",
      ]);
      assert.equal(refused, 4);
      const again = await admin.post("/users/import", { account: "bulk", rows: [rows[0], rows[5]] });
      assert.deepEqual(
        again.body.data.rows.map(({ outcome }: { outcome: string }) => outcome),
        ["unchanged", "unchanged"],
      );
      assert.equal((await admin.get("/users?q=bulk-five")).body.data[0].contact, "#five");
      const tooMany = Array.from({ length: 501 }, (_, index) => ({ name: `x${index}` }));
      assert.equal((await admin.post("/users/import", { account: "bulk", rows: tooMany })).status, 422);
    });

    test("a private key is refused as exposed, and isn't in any answer", async () => {
      const answer = await admin.post("/users/api-1-demo/keys", { public_key: pair.privatePem });
      assert.equal(answer.status, 422);
      assert.equal(answer.code, "private_key_exposed");
      assert.equal(answer.body.meta.errors[0].field, "/public_key");
      assert.ok(!answer.text.includes(pair.privatePem.slice(40, 80)));
      assert.ok(!console.server.stderr().includes(pair.privatePem.slice(40, 80)));
    });

    test("a defect in a key is named, at its field", async () => {
      const answer = await admin.post("/keys/inspect", { public_key: "-----BEGIN PUBLIC KEY-----\nMII" });
      assert.equal(answer.code, "key_rejected");
      assert.match(answer.body.meta.errors[0].message, /cut off/);
    });

    test("each wrong field is named", async () => {
      const answer = await admin.post("/users", { name: "Has Capitals", access: "some", more: 1 });
      assert.equal(answer.status, 422);
      const fields = (answer.body.meta.errors as { field: string }[]).map(({ field }) => field).toSorted();
      assert.deepEqual(fields, ["/access", "/account", "/more"]);
      const name = await admin.post("/users", { account: "acme", name: "Has Capitals", access: "full" });
      assert.equal(name.body.meta.errors[0].field, "/name");
      const taken = await admin.post("/accounts", { shortname: "acme" });
      assert.equal(taken.status, 409);
      assert.equal(taken.body.meta.errors[0].field, "/shortname");
    });

    test("an expiry can be set, moved and removed, but must be in the future", async () => {
      const soon = new Date(Date.now() + 3_600_000).toISOString();
      assert.equal((await admin.patch("/keys/1", { expires_at: soon })).body.data.expires_at, soon);
      assert.equal((await admin.patch("/keys/1", { expires_at: null })).body.data.expires_at, null);
      const past = await admin.patch("/keys/1", { expires_at: "2020-01-01T00:00:00Z" });
      assert.equal(past.status, 422);
      assert.equal(past.body.meta.errors[0].field, "/expires_at");
    });

    test("a user or key that is limited to networks is refused elsewhere before the change is answered", async () => {
      assert.equal((await exchange()).status, 200);
      for (const path of ["/users/api-1-demo", "/keys/1"]) {
        const before = (await admin.get(path)).headers.get("etag");
        const limited = await admin.patch(path, { networks: ["192.0.2.0/24", "2001:DB8::1", "192.0.2.0/24"] });
        assert.deepEqual(limited.body.data.networks, ["192.0.2.0/24", "2001:db8::1/128"]);
        assert.notEqual(limited.headers.get("etag"), before);
        assert.equal((await exchange()).code, "source_not_allowed");
        await admin.patch(path, { networks: ["127.0.0.1"] });
        assert.equal((await exchange()).status, 200);
        const opened = await admin.patch(path, { networks: [] });
        assert.deepEqual(opened.body.data.networks, []);
        assert.equal(opened.headers.get("etag"), before);
      }
      const { data } = (await admin.get("/audit-events?action=user.changed")).body;
      assert.deepEqual(
        data.map(({ details }: { details: Record<string, unknown> }) => details["networks"]),
        ["", "127.0.0.1/32", "192.0.2.0/24,2001:db8::1/128"],
      );
    });

    test("networks that aren't any are refused at their field, and nothing is changed", async () => {
      for (const [networks, says] of [
        [["192.0.2.7/24"], /has bits set beyond its prefix/],
        [["office"], /isn't a network/],
        [["0.0.0.0/0"], /limits nothing/],
        [Array.from({ length: 51 }, (_, at) => `10.0.0.${at}`), /At most 50 networks/],
      ] as const) {
        for (const [method, path, body] of [
          ["PATCH", "/users/api-1-demo", { networks, may_rotate: true }],
          ["PATCH", "/keys/1", { networks, label: "never" }],
          ["POST", "/users", { account: "acme", name: "never", access: "full", networks }],
          ["POST", "/users/api-1-demo/keys", { public_key: makeKeyPair().publicPem, networks }],
        ] as const) {
          const answer = await admin.send(method, path, { body });
          assert.equal(answer.status, 422, answer.text);
          const [{ code, message, field }] = answer.body.meta.errors;
          assert.deepEqual([code, field], ["field_invalid", "/networks"]);
          assert.match(message, says);
        }
      }
      assert.equal((await admin.get("/users/api-1-demo")).body.data.may_rotate, false);
      assert.notEqual((await admin.get("/keys/1")).body.data.label, "never");
      assert.equal((await admin.get("/users?q=never")).body.data.length, 0);
    });

    test("a user is created with its networks and its permission to rotate, and both can be changed", async () => {
      const limits = { may_rotate: true, networks: ["192.0.2.7"] };
      const created = await admin.post("/users", { account: "acme", name: "limited", access: "full", ...limits });
      assert.deepEqual([created.body.data.may_rotate, created.body.data.networks], [true, ["192.0.2.7/32"]]);
      const changed = await admin.patch("/users/api-1-limited", { may_rotate: false });
      assert.deepEqual([changed.body.data.may_rotate, changed.body.data.networks], [false, ["192.0.2.7/32"]]);
      assert.notEqual(changed.headers.get("etag"), created.headers.get("etag"));
      const public_key = makeKeyPair().publicPem;
      const key = await admin.post("/users/api-1-limited/keys", { public_key, networks: ["192.0.2.0/24"] });
      assert.deepEqual(key.body.data.networks, ["192.0.2.0/24"]);
    });

    test("an account's name and maximum age of keys can be changed, within bounds", async () => {
      const before = await admin.get("/accounts/acme");
      const changed = await admin.patch("/accounts/acme", { name: "Acme & Co", key_age_max_seconds: 86_400 });
      assert.deepEqual(
        [changed.body.data.name, changed.body.data.key_age_max_seconds, changed.body.data.shortname],
        ["Acme & Co", 86_400, "acme"],
      );
      assert.notEqual(changed.headers.get("etag"), before.headers.get("etag"));
      assert.equal((await admin.get("/accounts?q=acme%20%26")).body.data.length, 1, "found by its new name");
      for (const [member, value] of [
        ["key_age_max_seconds", 3599],
        ["key_age_max_seconds", 630_720_001],
        ["key_age_max_seconds", -1],
        ["key_age_max_seconds", 100_000.5],
        ["key_age_max_seconds", "365d"],
        ["name", " "],
        ["name", "\u202e"],
      ] as const) {
        const answer = await admin.patch("/accounts/acme", { [member]: value });
        assert.equal(answer.status, 422, answer.text);
        assert.equal(answer.body.meta.errors[0].field, `/${member}`);
      }
      const restored = await admin.patch("/accounts/acme", { name: before.body.data.name, key_age_max_seconds: null });
      assert.equal(restored.headers.get("etag"), before.headers.get("etag"));
    });

    test("revoking is permanent", async () => {
      const other = makeKeyPair();
      const { id } = (await admin.post("/users/api-1-demo/keys", { public_key: other.publicPem })).body.data;
      assert.equal((await admin.patch(`/keys/${id}`, { status: "revoked" })).body.data.status, "revoked");
      assert.equal((await admin.patch(`/keys/${id}`, { status: "active" })).status, 409);
      const again = await admin.post("/users/api-1-demo/keys", { public_key: other.publicPem });
      assert.equal(again.status, 422);
      assert.equal(again.body.meta.errors[0].code, "key_weak");
      assert.equal(again.body.meta.errors[0].weakness, "revoked");
    });

    test("assertions are explained and tokens checked as on the command line", async () => {
      const good = await admin.post("/explain", { assertion: signAssertion("api-1-demo", pair.privateKey) });
      assert.equal(good.body.data.accepted, true);
      const bad = await admin.post("/explain", { assertion: signAssertion("api-1-nobody", pair.privateKey) });
      assert.equal(bad.body.data.code, "assertion_rejected");
      assert.ok((bad.body.data.steps as { outcome: string }[]).some(({ outcome }) => outcome === "refused"));
      const { token } = await exchange();
      assert.equal((await admin.post("/check", { token })).body.data.username, "api-1-demo");
      assert.deepEqual((await admin.post("/check", { token: `${token}x` })).body.data.active, false);
    });

    test("the audit log has every change with its author, can be filtered, and its chain verifies", async () => {
      const events = async (query: string) =>
        (await admin.get(`/audit-events?${query}`)).body.data as { action: string; actor: string; seq: number }[];
      const keys = await events("subject=key:1&action=key");
      assert.ok(keys.length >= 4);
      assert.ok(keys.every(({ action, actor }) => action.startsWith("key.") && actor === "admin-token:test"));
      assert.ok((await events("actor=admin-token:test&limit=500")).length > 10);
      assert.deepEqual(await events("until=2020-01-01T00:00:00Z"), []);
      const seqs = async (query: string) => {
        const { data, meta } = (await admin.get(`/audit-events?${query}`)).body;
        return { seqs: (data as { seq: number }[]).map(({ seq }) => seq), next: meta.next as string | null };
      };
      const third = await seqs("after=2&direction=ascending&limit=2");
      assert.deepEqual(third.seqs, [3, 4]);
      assert.deepEqual((await seqs(third.next?.split("?", 2)[1] ?? "")).seqs, [5, 6]);
      const position = (await admin.get("/audit-events/position")).body.data;
      assert.deepEqual((await seqs(`after=${position.seq}&direction=ascending`)).seqs, []);
      assert.deepEqual((await seqs("limit=1")).seqs, [position.seq]);
      for (const query of ["after=2", "after=2&direction=descending", "after=-1&direction=ascending", "after=x"]) {
        assert.equal((await admin.get(`/audit-events?${query}`)).status, 422, query);
      }
      const chain = await admin.get("/audit-events/chain");
      assert.equal(chain.body.data.ok, true);
      const all = (await admin.get("/audit-events/export?format=jsonl")).text.trim().split("\n");
      assert.equal(all.length, chain.body.data.events);
      assert.deepEqual(
        all.map((line) => (JSON.parse(line) as { seq: number }).seq),
        all.map((_, index) => index + 1),
      );
    });

    test("signing keys rotate, and the only one that signs can't be retired", async () => {
      assert.equal((await admin.patch("/signing-keys/1", { status: "retired" })).status, 409);
      const { token } = await exchange();
      const made = await admin.post("/signing-keys");
      assert.equal(made.body.data.number, 2);
      const active = await eventually("the node is ready for it", async () => {
        const { body } = await admin.get("/signing-keys");
        return body.data[1].signs === true ? body.data : undefined;
      });
      assert.equal(active[0].signs, false);
      assert.equal(await checkStatus(token), 200);
      assert.equal((await admin.patch("/signing-keys/1", { status: "retired" })).body.data.status, "retired");
      assert.equal(await checkStatus(token), 401);
      assert.equal((await admin.get("/nodes")).body.data.length, 1);
    });

    test("settings are shown without secrets", async () => {
      const { body } = await admin.get("/settings");
      const byVariable = new Map(
        (body.data as { variable: string; value: string | null }[]).map((one) => [one.variable, one.value]),
      );
      assert.equal(byVariable.get("COUNTERSIGN_DATA_DIR"), console.server.dataDir);
      assert.equal(byVariable.get("COUNTERSIGN_MASTER_SECRET"), null);
    });

    test("a revoked admin token is refused at once", async () => {
      const made = await admin.post("/admin-tokens", { name: "short", role: "viewer" });
      const short = console.api.client.as({ bearer: made.body.data.token });
      assert.equal((await short.get("/me")).body.data.actor, "admin-token:short");
      assert.equal((await admin.send("DELETE", `/admin-tokens/${made.body.data.id}`)).body.data.status, "revoked");
      assert.equal((await short.get("/me")).status, 401);
    });

    test("adding or activating a third key of the same length warns which key now needs a kid", async () => {
      await admin.post("/users", { account: "acme", name: "many", access: "full" });
      const ids: number[] = [];
      const warned: unknown[] = [];
      for (let count = 0; count < 3; count++) {
        const { body } = await admin.post("/users/api-1-many/keys", { public_key: makeKeyPair().publicPem });
        ids.push(body.data.id);
        warned.push(body.meta.warnings[0]?.code);
      }
      assert.deepEqual(warned, [undefined, undefined, "key_needs_kid"]);
      const off = await admin.patch(`/keys/${ids[2]}`, { status: "deactivated" });
      assert.deepEqual(off.body.meta.warnings, []);
      const on = await admin.patch(`/keys/${ids[2]}`, { status: "active" });
      assert.match(on.body.meta.warnings[0]?.message, new RegExp(`^Key ${ids[0]} is tried only if .* kid`));
    });

    test("keys of all users are listed by account, status, expiry and use, in pages", async () => {
      await admin.post("/accounts", { shortname: "lists" });
      await admin.post("/users", { account: "lists", name: "one", access: "full" });
      const username = (await admin.get("/users?account=lists")).body.data[0].username as string;
      const expiries = [null, Date.now() + 86_400_000, Date.now() + 20 * 86_400_000];
      const ids: number[] = [];
      for (const expiresAtMs of expiries) {
        const added = await admin.post(`/users/${username}/keys`, {
          public_key: makeKeyPair().publicPem,
          ...(expiresAtMs !== null && { expires_at: new Date(expiresAtMs).toISOString() }),
        });
        ids.push(added.body.data.id);
      }
      const idsOf = async (query: string) =>
        ((await admin.get(`/keys?account=lists&${query}`)).body.data as { id: number }[]).map(({ id }) => id);
      assert.deepEqual(await idsOf(""), ids.toReversed());
      assert.deepEqual(await idsOf("expiring=30d"), ids.slice(1));
      assert.deepEqual(await idsOf("expiring=2d"), [ids[1]]);
      assert.deepEqual(await idsOf("unused=1ms"), ids);
      assert.deepEqual(await idsOf("unused=1d"), []);
      assert.deepEqual(await idsOf("unused=1ms&expiring=30d&status=active"), ids.slice(1));
      assert.deepEqual(await idsOf("status=revoked"), []);
      assert.deepEqual(await idsOf("weak=true"), []);
      const first = await admin.get("/keys?account=lists&expiring=30d&limit=1");
      assert.deepEqual([first.body.meta.count, first.body.data[0].id], [2, ids[1]]);
      const second = await admin.get(first.body.meta.next.replace("/api/admin/v1", ""));
      assert.deepEqual([second.body.data[0].id, second.body.meta.next], [ids[2], null]);
      assert.deepEqual((await admin.get("/keys?account=absent")).body.data, []);
      for (const query of [
        "unused=0s",
        "unused=90",
        "expiring=4000d",
        "expiring=",
        "weak=yes",
        "unused=1d&unused=2d",
      ]) {
        assert.equal((await admin.get(`/keys?${query}`)).status, 422, query);
      }
    });

    test("the overview counts what needs attention, and shows a limited caller the account's figures only", async () => {
      const { data } = (await admin.get("/overview")).body;
      assert.equal(data.keys.expiring_1d, 1);
      assert.equal(data.keys.expiring_30d, 2);
      assert.equal(data.keys.unused_90d, 0);
      assert.equal(data.keys.weak, 0);
      assert.equal(data.nodes.length, 1);
      assert.equal(data.changes.length, 10);
      assert.ok(data.users >= 2 && data.accounts >= 2 && data.keys.active >= 3);
      assert.ok((await exchange()).status !== 500);
      await eventually("this hour's tokens and refused requests", async () => {
        const { tokens, refusals } = (await admin.get("/overview")).body.data;
        return tokens.length > 0 && refusals.length > 0;
      });
      const made = await admin.post("/admin-tokens", { name: "limited", role: "viewer", account: "lists" });
      const limited = (await console.api.client.as({ bearer: made.body.data.token }).get("/overview")).body.data;
      assert.deepEqual(
        [limited.users, limited.accounts, limited.keys.active, limited.keys.expiring_30d, limited.tokens],
        [1, 1, 3, 2, []],
      );
      assert.ok(!("refusals" in limited) && !("nodes" in limited));
      const subjects = (limited.changes as { details: { username?: string } }[]).map(({ details }) => details.username);
      assert.ok(subjects.length > 0 && !subjects.includes("api-1-demo"));
    });

    test("refused assertions are counted by code for the API user that they name, and nothing for other names", async () => {
      const send = async (username: string, claims: Record<string, unknown> = {}) => {
        const answer = await fetch(`${console.server.publicUrl}/api/auth/v0/refresh/`, {
          headers: { authorization: `JWT ${signAssertion(username, pair.privateKey, { claims })}` },
        });
        await answer.arrayBuffer();
        return answer.status;
      };
      const read = async (query = "") => (await admin.get(`/users/api-1-demo/refusals${query}`)).body.data;
      const countOf = async (code: string) =>
        ((await read()).refusals as { code: string; refusals: number }[]).find((each) => each.code === code)
          ?.refusals ?? 0;
      const before = await countOf("assertion_stale");
      assert.equal(await send("api-1-demo", { iat: 1_700_000_000 }), 401);
      assert.equal(await send("api-1-nobody", { iat: 1_700_000_000 }), 401);
      await eventually("the count is written", async () => (await countOf("assertion_stale")) === before + 1);
      const { from, until, refusals } = await read("?hours=1");
      assert.ok(Date.parse(from) <= Date.parse(until) && refusals.length > 0);
      assert.ok(!("username" in refusals[0]), "the answer is about counts alone");
      assert.equal((await admin.get("/users/api-1-nobody/refusals")).status, 404);
      assert.equal((await admin.get("/users/api-1-demo/refusals?hours=169")).status, 422);
      const { nodes } = (await admin.get("/overview")).body.data;
      assert.ok(nodes[0].feed_lag_seconds >= 0 && nodes[0].feed_lag_seconds <= 5);
    });

    test("the overview counts API users and keys by status, of all accounts or of one that the caller can see", async () => {
      const before = (await admin.get("/overview?account=lists")).body.data;
      assert.ok(!("refusals" in before) && !("nodes" in before));
      const username = (await admin.get("/users?account=lists")).body.data[0].username as string;
      const change = (status: string) => admin.patch(`/users/${username}`, { status });
      assert.equal((await change("deactivated")).status, 200);
      const after = (await admin.get("/overview?account=lists")).body.data;
      assert.deepEqual(after.users_by_status, {
        active: before.users_by_status.active - 1,
        deactivated: before.users_by_status.deactivated + 1,
      });
      const all = (await admin.get("/overview")).body.data;
      assert.equal(all.users_by_status.active + all.users_by_status.deactivated, all.users);
      assert.equal(all.keys.deactivated, (await admin.get("/keys?status=deactivated")).body.meta.count);
      await change("active");
      assert.equal((await admin.get("/overview?account=nobody")).status, 404);
      const made = await admin.post("/admin-tokens", { name: "elsewhere", role: "viewer", account: "lists" });
      const limited = console.api.client.as({ bearer: made.body.data.token });
      assert.equal((await limited.get("/overview?account=lists")).status, 200);
      assert.equal((await limited.get("/overview?account=acme")).status, 404);
    });

    test("an unknown path and an unsupported method are refused in the envelope", async () => {
      const absent = await fetch(`${console.server.adminUrl}/api/admin/v1/nothing`);
      assert.equal(absent.status, 404);
      assert.equal(
        ((await absent.json()) as { meta: { errors: { code: string }[] } }).meta.errors[0]?.code,
        "not_found",
      );
      const method = await fetch(`${console.server.adminUrl}/api/admin/v1/users/api-1-demo`, { method: "DELETE" });
      assert.equal(method.status, 405);
      assert.equal(method.headers.get("allow"), "GET, HEAD, PATCH, OPTIONS");
      const outside = await fetch(`${console.server.publicUrl}/api/admin/v1/me`);
      assert.equal(outside.status, 404, "the public listener has no admin API");
    });
  });
}
