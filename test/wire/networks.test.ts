/**
 * API users and keys that are limited to networks, on nodes of one store: one that clients reach themselves, one behind a
 * proxy that it trusts, and one behind a proxy that isn't named. The tests play the proxy.
 */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { addPublicKey } from "../testkit/api-client.ts";
import { eventually, until } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import { assertFails, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";
import { signAssertion, signParts } from "../testkit/sign-assertion.ts";

const pair = makeKeyPair();
const stranger = makeKeyPair();
const OFFICE = "192.0.2.0/24";
const INSIDE = "192.0.2.7";
const OUTSIDE = "198.51.100.1";
/** Where the tests' own connections come from. */
const LOOPBACK = "127.0.0.0/8";

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly code: string | undefined;
  readonly message: string;
}

type Headers = Readonly<Record<string, string>>;

async function ask(url: string, headers: Headers, form?: Headers): Promise<Answer> {
  const answer = await fetch(url, {
    headers,
    ...(form !== undefined && { method: "POST", body: new URLSearchParams(form) }),
  });
  const body = await answer.text();
  const code = /"code":"(\w+)"/.exec(body)?.[1] ?? /error_uri":"[^"]*#(\w+)"/.exec(body)?.[1];
  return { status: answer.status, body, code, message: /"message":"([^"]*)"/.exec(body)?.[1] ?? "" };
}

const from = (address: string): Headers => ({ "X-Forwarded-For": address });

for (const engine of ["SQLite", "PostgreSQL"] as const) {
  describe(`networks on ${engine}`, { concurrency: 1 }, () => {
    let postgres: TestPostgres | undefined;
    /** Clients reach it themselves. */
    let direct: TestServer;
    /** Behind a proxy that it trusts. */
    let trusting: TestServer;
    /** Behind a proxy that its configuration doesn't name. */
    let unnamed: TestServer;
    /** Where it listens. */
    let unnamedUrl: string;
    let keyId: number;

    before(async () => {
      if (engine === "PostgreSQL") postgres = await startPostgres();
      const env = {
        COUNTERSIGN_REFUSAL_LIMIT: "0",
        ...(postgres !== undefined && {
          COUNTERSIGN_DATABASE_URL: await postgres.createDatabase(),
          COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64"),
        }),
      };
      const dataDir = temporaryFolder();
      const folder = () => ({ dataDir: postgres === undefined ? dataDir : temporaryFolder() });
      direct = await startServer({ ...folder(), env });
      trusting = await startServer({ ...folder(), env: { ...env, COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.1" } });
      const port = await reservePort();
      unnamedUrl = `http://127.0.0.1:${port}`;
      unnamed = await startServer({
        ...folder(),
        flags: ["--port", String(port)],
        env: { ...env, COUNTERSIGN_PUBLIC_URL: "https://auth.example" },
      });
      await direct.json("account", "create", "acme");
      for (const name of ["limited", "free"]) {
        await direct.json("user", "create", name, "--account", "acme");
        const id = await addPublicKey(
          direct,
          `api-1-${name}`,
          name === "limited" ? pair.publicPem : makeKeyPair().publicPem,
        );
        if (name === "limited") keyId = id;
      }
    });
    after(async () => {
      await Promise.all([direct.stop(), trusting.stop(), unnamed.stop()]);
      await postgres?.stop();
    });

    function exchange(server: TestServer, headers: Headers = {}, username = "api-1-limited", key = pair.privateKey) {
      const url = server === unnamed ? unnamedUrl : server.publicUrl;
      const authorization = `JWT ${signAssertion(username, key)}`;
      return ask(`${url}/api/auth/v0/refresh/`, { ...headers, authorization });
    }

    const check = (server: TestServer, token: string, headers: Headers = {}) =>
      ask(`${server.publicUrl}/api/auth/v0/check/`, { ...headers, authorization: `Token ${token}` });

    /** Limits the user by another process, and waits until both nodes know it. */
    async function limit(networks: readonly string[], keyNetworks: readonly string[] = []): Promise<void> {
      const flags = (list: readonly string[]) =>
        list.length === 0 ? ["--no-networks"] : ["--network", list.join(",")];
      await direct.json("user", "edit", "api-1-limited", ...flags(networks));
      const key = await direct.json<{ networks: string[] }>("key", "edit", String(keyId), ...flags(keyNetworks));
      assert.deepEqual(key.networks, keyNetworks);
    }

    const codesOf = (answers: readonly Answer[]) => answers.map(({ status, code }) => `${status} ${code ?? ""}`.trim());

    test("a client gets a token from an address that the user's and the key's networks admit, and from no other", async () => {
      for (const [user, key, ofDirect, ofInside, ofOutside] of [
        [[], [], "200", "200", "200"],
        [[LOOPBACK], [], "200", "403 source_not_allowed", "403 source_not_allowed"],
        [[OFFICE], [], "403 source_not_allowed", "200", "403 source_not_allowed"],
        [[], [OFFICE], "403 source_not_allowed", "200", "403 source_not_allowed"],
        [[OFFICE, LOOPBACK], [LOOPBACK], "200", "403 source_not_allowed", "403 source_not_allowed"],
        [[OFFICE], [LOOPBACK], "403 source_not_allowed", "403 source_not_allowed", "403 source_not_allowed"],
      ] as const) {
        await limit(user, key);
        const wanted = [ofDirect, ofInside, ofOutside];
        await eventually(`${JSON.stringify([user, key])} holds on both nodes`, async () => {
          const answers = codesOf([
            await exchange(direct),
            await exchange(trusting, from(INSIDE)),
            await exchange(trusting, from(`${INSIDE}, ${OUTSIDE}`)),
          ]);
          return answers.join() === wanted.join() ? answers : undefined;
        });
      }
    });

    test("a client whose address isn't known is refused, and the answer says what to configure", async () => {
      await limit([OFFICE, LOOPBACK]);
      await eventually("the limit holds on both nodes", async () => {
        const statuses = [await exchange(trusting, from(OUTSIDE)), await exchange(direct)].map(({ status }) => status);
        return statuses.join() === "403,200" ? statuses : undefined;
      });
      for (const [server, headers, says] of [
        [direct, from(INSIDE), /came through a proxy that isn't trusted/],
        [direct, from("127.0.0.1"), /came through a proxy that isn't trusted/],
        [direct, { Forwarded: `for=${INSIDE}` }, /came through a proxy that isn't trusted/],
        [direct, { "X-Real-IP": INSIDE }, /came through a proxy that isn't trusted/],
        [trusting, {}, /the proxy that sent it names no client/],
        [trusting, { "X-Real-IP": INSIDE }, /the proxy that sent it names no client/],
        [trusting, from("unknown"), /isn't an IP address/],
        [trusting, from(`${INSIDE}, unknown`), /isn't an IP address/],
      ] as const) {
        const answer = await exchange(server, headers);
        assert.equal(answer.code, "source_not_allowed", JSON.stringify(headers));
        assert.match(answer.message, says);
        assert.doesNotMatch(answer.body, /192\.0\.2\.0|127\.0\.0\.0/, "no network is named");
      }
    });

    test("a client behind a proxy that the configuration doesn't name is refused, whatever it sends", async () => {
      await limit([OFFICE, LOOPBACK]);
      const answer = await eventually("the limit holds there too", async () => {
        const asked = await exchange(unnamed);
        return asked.status === 403 ? asked : undefined;
      });
      assert.equal(answer.code, "source_not_allowed");
      assert.match(answer.body, /COUNTERSIGN_TRUSTED_PROXIES/);
      assert.equal((await exchange(unnamed, {}, "api-1-free", stranger.privateKey)).code, "assertion_rejected");
    });

    test("a limit can't be set where a proxy isn't named, but can be removed", async () => {
      await limit([OFFICE, LOOPBACK]);
      const says =
        /^countersign: Networks can't be limited, .*COUNTERSIGN_PUBLIC_URL begins with https.*TRUSTED_PROXIES/;
      const file = `${temporaryFolder()}/none.pem`;
      for (const args of [
        ["user", "create", "more", "--account", "acme", "--network", OFFICE],
        ["user", "edit", "api-1-limited", "--network", OFFICE],
        ["key", "edit", String(keyId), "--network", OFFICE],
        ["key", "generate", "api-1-free", "--out", file, "--network", OFFICE],
      ]) {
        assertFails(await unnamed.cli(...args), 1, says);
      }
      const { token } = await unnamed.json<{ token: string }>("admin-token", "create", "test", "--role", "owner");
      const send = async (method: string, path: string, body: object) => {
        const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
        const answer = await fetch(`${unnamed.adminUrl}/api/admin/v1${path}`, {
          method,
          headers,
          body: JSON.stringify(body),
        });
        return { status: answer.status, text: await answer.text() };
      };
      const networks = [OFFICE];
      for (const [method, path, body] of [
        ["POST", "/users", { account: "acme", name: "more", access: "full", networks }],
        ["PATCH", "/users/api-1-limited", { networks }],
        ["PATCH", `/keys/${keyId}`, { networks }],
        ["POST", "/users/api-1-free/keys", { public_key: makeKeyPair().publicPem, networks }],
      ] as const) {
        const { status, text } = await send(method, path, body);
        assert.equal(status, 422, text);
        assert.match(text, /"field":"\/networks"/);
        assert.match(text, /this service can't know clients' addresses: COUNTERSIGN_PUBLIC_URL begins with https/);
      }
      assert.equal((await send("PATCH", "/users/api-1-limited", { networks: [OFFICE, LOOPBACK] })).status, 200);
      const same = ["user", "edit", "api-1-limited", "--network", `${OFFICE},${LOOPBACK}`, "--may-rotate"];
      assert.equal((await unnamed.json<{ may_rotate: boolean }>(...same)).may_rotate, true);
      const opened = await unnamed.json<{ networks: string[] }>("user", "edit", "api-1-limited", "--no-networks");
      assert.deepEqual(opened.networks, []);
    });

    test("a client without the private key gets the same answer whether or not the user is limited", async () => {
      await limit([OFFICE]);
      const plain = async (username: string, server: TestServer, headers: Headers) =>
        (await exchange(server, headers, username, stranger.privateKey)).body;
      for (const [server, headers] of [
        [direct, {}],
        [direct, from(INSIDE)],
        [trusting, from(OUTSIDE)],
        [trusting, from(INSIDE)],
      ] as const) {
        const bodies = await Promise.all(
          ["limited", "free", "nobody"].map((name) => plain(`api-1-${name}`, server, headers)),
        );
        assert.match(bodies[0] ?? "", /assertion_rejected/);
        assert.equal(new Set(bodies).size, 1);
      }
    });

    test("an OAuth client is refused with 403, and its assertion isn't used up", async () => {
      await limit([OFFICE]);
      const { publicUrl } = trusting;
      const exp = Math.floor(Date.now() / 1000) + 60;
      const claims = { iss: "api-1-limited", sub: "api-1-limited", aud: publicUrl, exp, jti: randomUUID() };
      const form = {
        grant_type: "client_credentials",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: signParts({ alg: "RS256" }, claims, pair.privateKey),
      };
      const refused = await ask(`${publicUrl}/oauth2/token`, from(OUTSIDE), form);
      assert.deepEqual([refused.status, refused.code], [403, "source_not_allowed"]);
      assert.equal((JSON.parse(refused.body) as { error: string }).error, "access_denied");
      assert.equal((await ask(`${publicUrl}/oauth2/revoke`, from(OUTSIDE), form)).code, "source_not_allowed");
      assert.equal((await ask(`${publicUrl}/oauth2/token`, from(INSIDE), form)).status, 200);
    });

    test("the check refuses a token of a trusted proxy's client elsewhere, also one minted before the limit", async () => {
      await limit([]);
      const { body } = await eventually("the limit is gone", async () => {
        const answer = await exchange(direct);
        return answer.status === 200 ? answer : undefined;
      });
      const { token } = (JSON.parse(body) as { data: { token: string } }).data;
      assert.equal((await check(trusting, token, from(OUTSIDE))).status, 200);
      await limit([OFFICE]);
      const refused = await eventually("the limit holds", async () => {
        const answer = await check(trusting, token, from(OUTSIDE));
        return answer.status === 403 ? answer : undefined;
      });
      assert.equal(refused.code, "source_not_allowed");
      assert.equal((await check(trusting, token, { Forwarded: "for=unknown" })).code, "source_not_allowed");
      assert.equal((await check(trusting, token, from(INSIDE))).status, 200);
      // Without a trusted proxy's word, the check knows only the gateway.
      assert.equal((await check(trusting, token)).status, 200);
      assert.equal((await check(direct, token, from(OUTSIDE))).status, 200);
      assert.equal((await check(direct, token)).status, 200);
      for (const server of [trusting, direct]) {
        const lines = await eventually("the log says so", () => {
          const found = server
            .stderr()
            .split("\n")
            .filter((line) => line.includes("the limit wasn't applied"));
          return found.length > 0 ? found : undefined;
        });
        assert.equal(lines.length, 1, "once");
      }
      await limit([]);
      await eventually("the limit is gone", async () =>
        (await check(trusting, token, from(OUTSIDE))).status === 200 ? true : undefined,
      );
    });

    test("a key is limited from the start where it is added with networks", async () => {
      const added = makeKeyPair();
      const args = ["key", "add", "api-1-free", "-", "--network", "2001:db8::1", "127.0.0.0/8"];
      const { stdout, stderr } = await direct.cliWithInput(added.publicPem, ...args);
      assert.match(stdout, /\nnetworks {5}2001:db8::1\/128, 127\.0\.0\.0\/8\n$/, stderr);
      // Another process made the change: a running server knows within moments.
      await until(async () => (await exchange(direct, {}, "api-1-free", added.privateKey)).status === 200);
      await until(
        async () =>
          (await exchange(trusting, from(INSIDE), "api-1-free", added.privateKey)).code === "source_not_allowed",
      );
    });

    test("explain states the networks, and checks an address that it is given", async () => {
      await limit([OFFICE], ["192.0.2.7/32"]);
      const assertion = signAssertion("api-1-limited", pair.privateKey);
      const explained = await direct.json<{ accepted: boolean }>("explain", assertion);
      assert.equal(explained.accepted, true);
      assert.match(
        (await direct.cli("explain", assertion)).stdout,
        /note {2}networks {2}The user is limited to 192\.0\.2\.0\/24\. The key is limited to 192\.0\.2\.7\/32\. The client's address isn't checked/,
      );
      assert.equal((await direct.cli("explain", assertion, "--from", INSIDE)).status, 0);
      const refused = await direct.cli("explain", assertion, "--from", "192.0.2.8");
      assert.equal(refused.status, 1);
      assert.match(refused.stdout, /would refuse it: source_not_allowed\.\n$/);
      assertFails(await direct.cli("explain", assertion, "--from", "office"), 2, /--from takes an IP address/);
    });
  });
}
