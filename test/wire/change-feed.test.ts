/**
 * The change feed as a verifier sees it: Server-Sent Events from a real server, through changes by other processes,
 * restarts and the end of the service.
 */
import assert from "node:assert/strict";
import { createPrivateKey, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { eventually } from "../testkit/eventually.ts";
import {
  createApiUser,
  createKey,
  startServer,
  tokenCommand,
  type TestApiUser,
  type TestServer,
} from "../testkit/server.ts";
import { signParts } from "../testkit/sign-assertion.ts";

const PATH = "/api/auth/v0/changes/";

interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

let server: TestServer;
let user: TestApiUser;
let shop: Credentials;

before(async () => {
  server = await startServer();
  user = await createApiUser(server);
  shop = await server.json("resource-server", "create", "shop");
});
after(() => server.stop());

const basic = ({ client_id, client_secret }: Credentials) =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString("base64")}`;

/** A reader with another parser than the product's, as third-party verifiers have. */
async function listen(at: TestServer, headers: Readonly<Record<string, string>> = {}, credentials = shop) {
  const request = get(at.publicUrl + PATH, {
    agent: false,
    headers: { Authorization: basic(credentials), ...headers },
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.on("error", reject);
  });
  assert.equal(response.statusCode, 200);
  const events: EventSourceMessage[] = [];
  let isEnded = false;
  const parser = createParser({ onEvent: (event) => events.push(event), onRetry: (ms) => assert.equal(ms, 1000) });
  response.setEncoding("utf8");
  response.on("data", (text: string) => parser.feed(text));
  response.on("error", () => undefined);
  response.on("close", () => {
    isEnded = true;
  });
  return {
    events,
    /** The first event that matches, wherever it is. */
    heard: (what: string, isIt: (event: EventSourceMessage) => boolean) => eventually(what, () => events.find(isIt)),
    ended: () => eventually("the stream ends", () => isEnded),
    leave: () => request.destroy(),
  };
}

/** The number in an event's id. */
const positionOf = (id = "") => Number(id.split("-")[0]);

const isSync = ({ event }: EventSourceMessage) => event === "sync";
const isChange = (action: string) => (message: EventSourceMessage) =>
  message.event === "change" && (JSON.parse(message.data) as { action: string }).action === action;

/** What an event says, without the id of the previous one. */
function membersOf({ data }: EventSourceMessage): Record<string, unknown> {
  const { previous: _, ...members } = JSON.parse(data) as Record<string, unknown>;
  return members;
}

describe("the change feed of a running server", () => {
  test("sends the command line's changes in order, each once, and a sync every second", async () => {
    const stream = await listen(server);
    await stream.heard("a first sync", isSync);
    assert.ok(isSync(stream.events[0] ?? assert.fail()));
    const { keyId } = await createKey(server, user.username);
    await server.json("key", "deactivate", String(keyId));
    await server.json("account", "create", "quiet");
    await server.json("key", "revoke", "--yes", String(keyId));
    await server.json("user", "deactivate", user.username);
    await server.json("user", "activate", user.username);
    const last = await stream.heard("the last change", isChange("user.activated"));
    const changes = stream.events.filter(({ event }) => event === "change");
    const { username } = user;
    assert.deepEqual(changes.map(membersOf), [
      { action: "key.added", username, key_id: keyId },
      { action: "key.deactivated", username, key_id: keyId },
      { action: "key.revoked", username, key_id: keyId },
      { action: "user.deactivated", username },
      { action: "user.activated", username },
    ]);
    const ids = stream.events.map(({ id }) => positionOf(id));
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => a - b),
    );
    assert.deepEqual(
      stream.events.map(({ data }) => (JSON.parse(data) as { previous: unknown }).previous),
      [null, ...stream.events.slice(0, -1).map(({ id }) => id)],
      "each names the one before",
    );
    const before = stream.events.filter(isSync).length;
    await eventually("two more syncs", () => stream.events.filter(isSync).length >= before + 2);
    assert.ok(positionOf(stream.events.findLast(isSync)?.id) >= positionOf(last.id));
    stream.leave();
  });

  test("sends readers of a second process the same events with the same ids, including a revoked token", async () => {
    const other = await startServer({ dataDir: server.dataDir, flags: ["--public-url", server.publicUrl] });
    const streams = [await listen(server), await listen(other)];
    for (const stream of streams) await stream.heard("a sync", isSync);
    const granted = await server.json<{ token: string }>(...tokenCommand(server, user));
    const position = await revoke(granted.token);
    const heard = await Promise.all(streams.map((stream) => stream.heard("the token", isChange("token.revoked"))));
    assert.deepEqual(heard[0], heard[1]);
    const change = membersOf(heard[0] ?? assert.fail());
    assert.deepEqual([change["username"], change["key_id"], change["jti"]], [user.username, user.keyId, position]);
    for (const stream of streams) stream.leave();
    await other.stop();
  });

  test("resumes after a crash at the reader's position", async () => {
    const dataDir = server.dataDir;
    let node = await startServer({ dataDir });
    const stream = await listen(node);
    const { id = "" } = await stream.heard("a sync", isSync);
    await node.kill();
    await stream.ended();
    await server.json("key", "deactivate", String(user.keyId));
    await server.json("key", "activate", String(user.keyId));
    node = await startServer({ dataDir });
    const resumed = await listen(node, { "Last-Event-ID": id });
    await resumed.heard("a sync", isSync);
    assert.deepEqual(
      resumed.events.slice(0, 3).map((event) => [event.event, positionOf(event.id) - positionOf(id), membersOf(event)]),
      [
        ["change", 1, { action: "key.deactivated", username: user.username, key_id: user.keyId }],
        ["change", 2, { action: "key.activated", username: user.username, key_id: user.keyId }],
        // A server without an operator makes a new set-up link at its start, which affects no token.
        ["sync", 3, {}],
      ],
    );
    const { previous } = JSON.parse(resumed.events[0]?.data ?? "") as { previous: unknown };
    assert.equal(previous, id, "it follows the reader's last event");
    const lost = await listen(node, { "Last-Event-ID": "1000000" });
    await lost.heard("a sync", isSync);
    assert.deepEqual(
      lost.events.slice(0, 2).map(({ event }) => event),
      ["reset", "sync"],
    );
    for (const each of [resumed, lost]) each.leave();
    await node.stop();
  });

  test("ends for a resource server that is rotated or deactivated by another process", async () => {
    const other = await server.json<Credentials>("resource-server", "create", "other");
    const first = await listenOnce(other);
    await server.json("resource-server", "deactivate", "other");
    await first.ended();
    await server.json("resource-server", "activate", "other");
    const second = await listenOnce(other);
    const rotated = await server.json<Credentials>("resource-server", "rotate", "other");
    await second.ended();
    const third = await listenOnce(rotated);
    const bystander = await listen(server);
    await server.json("resource-server", "deactivate", "other");
    await third.ended();
    await bystander.heard("a sync", isSync);
    bystander.leave();
  });

  test("ends with the service, which stops at once despite its readers, even one that doesn't read", async () => {
    const node = await startServer({ dataDir: server.dataDir });
    const stream = await listen(node);
    await stream.heard("a sync", isSync);
    const { hostname, port } = new URL(node.publicUrl);
    const stalled = connect(Number(port), hostname);
    stalled.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic(shop)}\r\n\r\n`);
    await new Promise((resolve) => stalled.once("readable", resolve));
    assert.deepEqual(await node.stop(), { status: 0, signal: null });
    await stream.ended();
    stalled.destroy();
    assert.doesNotMatch(node.stderr(), /"level":"(error|fatal)"/);
  });
});

/** Opens a stream for a resource server that the server may not know yet. */
function listenOnce(credentials: Credentials) {
  return eventually("the resource server is accepted", () => listen(server, {}, credentials).catch(() => undefined));
}

/** Revokes a token as its client, and returns its id, taken from introspection before. */
async function revoke(token: string): Promise<string> {
  const introspected = await fetch(`${server.publicUrl}/oauth2/introspect`, {
    method: "POST",
    headers: { Authorization: basic(shop) },
    body: new URLSearchParams({ token }),
  });
  const { jti } = (await introspected.json()) as { jti: string };

  const { username: sub, privateKeyFile } = user;
  const exp = Math.floor(Date.now() / 1000) + 60;
  const claims = JSON.stringify({ iss: sub, sub, aud: server.publicUrl, exp, jti: randomUUID() });
  const response = await fetch(`${server.publicUrl}/oauth2/revoke`, {
    method: "POST",
    body: new URLSearchParams({
      token,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: signParts('{"alg":"RS256"}', claims, createPrivateKey(readFileSync(privateKeyFile, "utf8"))),
    }),
  });
  assert.equal(response.status, 200, await response.text());
  return jti;
}
