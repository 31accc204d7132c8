/**
 * Introspection as a resource server uses it: credentials from the command line, a real server, and changes by another
 * process.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { assertRefusalsDeclared } from "../testkit/declared-refusals.ts";
import { eventually } from "../testkit/eventually.ts";
import { type RawAnswer, requestHead, sendRaw } from "../../packages/server/src/testing/raw-http.ts";
import {
  createApiUser,
  startServer,
  temporaryFolder,
  tokenCommand,
  type TestApiUser,
  type TestServer,
} from "../testkit/server.ts";

interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

let server: TestServer;
let user: TestApiUser;
let shop: Credentials;
let token: string;

before(async () => {
  server = await startServer({ flags: ["--refusal-limit", "5"] });
  user = await createApiUser(server, { flags: ["--read-only"] });
  shop = await server.json("resource-server", "create", "shop");
  token = await mint();
});
after(async () => {
  try {
    await assertRefusalsDeclared(server);
  } finally {
    await server.stop();
  }
});

async function mint(): Promise<string> {
  const granted = await server.json<{ token: string }>(...tokenCommand(server, user));
  return granted.token;
}

/** Introspects from an address of its own, since refusals are counted by address. */
function introspect(
  credentials: Credentials,
  asked = token,
  localAddress = "127.0.0.1",
  at = server,
): Promise<RawAnswer> {
  const body = new URLSearchParams({ token: asked }).toString();
  const basic = Buffer.from(`${credentials.client_id}:${credentials.client_secret}`).toString("base64");
  const head = requestHead("POST", "/oauth2/introspect", [
    ["Authorization", `Basic ${basic}`],
    ["Content-Type", "application/x-www-form-urlencoded"],
    ["Content-Length", String(body.length)],
  ]);
  return sendRaw(at.publicUrl, head + body, { localAddress });
}

const INACTIVE = '{"active":false}';

const becomes = (what: string, isSo: () => Promise<boolean>) => eventually(what, async () => await isSo());

/** The feed's position, as the audit log numbers its events. */
async function lastEvent(): Promise<number> {
  const events = await server.json<{ seq: number }[]>("audit", "list");
  return events.at(-1)?.seq ?? 0;
}

describe("introspection on a running server", () => {
  test("ends a token no later than its key, for resource servers and for gateways", async () => {
    const file = join(temporaryFolder(), "brief.pem");
    const made = ["key", "generate", user.username, "--out", file, "--expires-in", "10m"];
    const key = await server.json<{ expires_at: string }>(...made);
    const asked = tokenCommand(server, { ...user, privateKeyFile: file });
    const { token: brief } = await server.json<{ token: string }>(...asked);
    const keyEndsAt = Math.floor(Date.parse(key.expires_at) / 1000);
    const answer = await introspect(shop, brief);
    assert.equal((JSON.parse(answer.body) as { exp: number }).exp, keyEndsAt);
    const head = requestHead("GET", "/api/auth/v0/check/", [["Authorization", `Token ${brief}`]]);
    const checked = await sendRaw(server.publicUrl, head);
    assert.equal(checked.header("x-auth-expires-at"), String(keyEndsAt));
  });

  test("names the user of a token from the exchange, and the feed's position", async () => {
    const answer = await introspect(shop);
    assert.equal(answer.status, 200);
    const { exp, jti, ...rest } = JSON.parse(answer.body) as Record<string, unknown>;
    const { username } = user;
    assert.deepEqual(rest, {
      active: true,
      token_type: "Bearer",
      client_id: username,
      username,
      sub: username,
      iss: server.publicUrl,
      account: "acme",
      access: "read_only",
      user_id: 1,
      key_id: user.keyId,
    });
    assert.ok(Math.abs(Number(exp) - Date.now() / 1000 - 3600) < 60);
    assert.match(String(jti), /^[A-Za-z0-9-]+$/);
    assert.equal(answer.header("countersign-feed-position"), String(await lastEvent()));
    assert.equal(answer.header("cache-control"), "no-store");
  });

  test("says inactive soon after another process deactivated the key, with the position of that change", async () => {
    await server.json("key", "deactivate", String(user.keyId));
    const position = await lastEvent();
    await becomes("the token is inactive", async () => {
      const answer = await introspect(shop);
      assert.equal(answer.status, 200);
      const reflects = Number(answer.header("countersign-feed-position"));
      // An answer whose position includes the change reflects the change.
      if (reflects >= position) assert.equal(answer.body, INACTIVE);
      return reflects >= position;
    });
    await server.json("key", "activate", String(user.keyId));
    await becomes("the token is active", async () => (await introspect(shop)).body !== INACTIVE);
  });

  test("is for active resource servers with their present secret", async () => {
    const statusOf = async (credentials: Credentials) => (await introspect(credentials, token, "127.0.0.9")).status;
    const other = await server.json<Credentials>("resource-server", "create", "other");
    await becomes("a new one is accepted", async () => (await statusOf(other)) === 200);
    await server.json("resource-server", "deactivate", "other");
    await becomes("a deactivated one isn't", async () => (await statusOf(other)) !== 200);
    assert.equal(await statusOf(shop), 200);
    await server.json("resource-server", "activate", "other");
    await becomes("it is accepted again", async () => (await statusOf(other)) === 200);

    const graced = await server.json<Credentials>("resource-server", "rotate", "other", "--grace", "1h");
    await becomes("the new secret works", async () => (await statusOf(graced)) === 200);
    assert.equal(await statusOf(other), 200, "and so does the old one, for an hour");
    const replaced = await server.json<Credentials>("resource-server", "rotate", "other");
    await becomes("the newest works", async () => (await statusOf(replaced)) === 200);
    // From another address, since this one has reached its limit of refusals.
    for (const old of [other, graced]) {
      assert.equal((await introspect(old, token, "127.0.0.10")).status, 401);
    }
  });

  test("answers a resource server that shares its address with a client that guesses secrets", async () => {
    const guess = { ...shop, client_secret: `csrs_${"0".repeat(49)}` };
    const statuses: number[] = [];
    for (let tries = 0; tries < 7; tries++) statuses.push((await introspect(guess, token, "127.0.0.11")).status);
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429]);
    assert.equal((await introspect(shop, token, "127.0.0.11")).status, 200);
  });

  test("gives the same answer on another process on the same store", async () => {
    const node = await startServer({ dataDir: server.dataDir, flags: ["--public-url", server.publicUrl] });
    // The other process's start wrote an event, which both read within 100 ms.
    const [here, there] = await eventually("both answer from the same position", async () => {
      const answers = [await introspect(shop), await introspect(shop, token, "127.0.0.1", node)] as const;
      const [position, other] = answers.map((one) => one.header("countersign-feed-position"));
      return position === other ? answers : undefined;
    });
    assert.equal(here.body, there.body);
    await node.stop();
  });
});
