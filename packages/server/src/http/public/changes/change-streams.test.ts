import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import type { ApiUserId } from "../../../core/users/model.ts";
import type { KeyId } from "../../../core/keys/model.ts";
import { createResourceServerChanges } from "../../../testing/test-changes.ts";
import { createSystemRandom } from "../../../platform/random.ts";
import { rsaKeyPair } from "../../../../../../test/testkit/rsa-keys.ts";
import { basic, type EventStream, openStream, send, type StreamEvent } from "../../../testing/test-http.ts";
import { until } from "../../../../../../test/testkit/eventually.ts";
import { startTestService, type TestService } from "../../../testing/test-service.ts";

const PATH = "/api/auth/v0/changes/";
const KEY = 1 as KeyId;

let service: TestService;
/** The resource server's Authorization header. */
let auth: { readonly Authorization: string };
let open: EventStream[];
let listening: Server[];
const services: TestService[] = [];

beforeEach(async () => {
  service = await startTestService();
  services.push(service);
  const { server, secret } = await service.servers.create("test", "shop");
  auth = basic(server.clientId, secret);
  open = [];
  listening = [];
});
afterEach(() => {
  for (const stream of open) stream.end();
  for (const server of listening) server.close();
});
after(() => Promise.all(services.map((each) => each.close())));

async function stream(headers: Readonly<Record<string, string>> = {}, url = service.url + PATH): Promise<EventStream> {
  const opened = await openStream(url, { ...auth, ...headers });
  open.push(opened);
  return opened;
}

/** A stream that has sent a sync. */
async function syncedStream(): Promise<EventStream> {
  const opened = await stream();
  assert.equal(opened.status, 200);
  assert.equal((await opened.next())?.event, "sync");
  return opened;
}

/** The next `count` events, each in one line: its name, its id and what changed. */
async function read(from: EventStream, count: number): Promise<string[]> {
  const lines: string[] = [];
  for (let taken = 0; taken < count; taken++)
    lines.push(line((await from.next()) ?? assert.fail("the stream has ended")));
  return lines;
}

function line({ event, id, data }: StreamEvent): string {
  const action = (data as { action?: string }).action;
  return action === undefined ? `${event} ${id}` : `${event} ${id} ${action}`;
}

async function ends(from: EventStream): Promise<StreamEvent[]> {
  const rest: StreamEvent[] = [];
  for (let event = await from.next(); event !== undefined; event = await from.next()) rest.push(event);
  return rest;
}

/** Appends events as another release or process might; few at a time, since a write has a deadline. */
async function append(...actions: readonly string[]): Promise<void> {
  for (let from = 0; from < actions.length; from += 200) {
    await service.registry.store.transaction(async (transaction) => {
      for (const action of actions.slice(from, from + 200)) {
        await transaction.events.append({
          atMs: 0,
          actor: "test",
          action,
          subject: `${action.slice(0, action.indexOf("."))}:9`,
          details: { username: "x" },
        });
      }
    });
  }
}

/** Waits for what is in flight between sockets. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const toggle = (standing: "active" | "deactivated") => service.changes.setKeyStanding("test", KEY, standing);

describe("a stream of changes", () => {
  test("begins with a retry time and a sync at the present position", async () => {
    const opened = await stream();
    assert.equal(opened.status, 200);
    assert.equal(opened.headers["content-type"], "text/event-stream; charset=utf-8");
    assert.equal(opened.headers["cache-control"], "no-store");
    assert.equal(opened.headers["x-accel-buffering"], "no");
    assert.equal(opened.headers["content-length"], undefined);
    assert.match(opened.headers["x-request-id"] ?? "", /./);
    const position = (await service.registry.store.events.last()).seq;
    const { hash } = await service.registry.store.events.last();
    const wholeId = `${position}-${hash.slice(0, 16)}`;
    assert.deepEqual(await opened.next(), {
      event: "sync",
      id: String(position),
      wholeId,
      previous: null,
      data: {},
    });
    assert.equal(opened.text(), `retry: 1000\n\nevent: sync\nid: ${wholeId}\ndata: {"previous":null}\n\n`);
    assert.equal(service.streams.count(), 1);
  });

  test("is also found without the slash at the end, and whatever Accept says", async () => {
    const opened = await stream({ Accept: "application/json" }, service.url + PATH.slice(0, -1));
    assert.equal(opened.status, 200);
    assert.equal((await opened.next())?.event, "sync");
  });

  test("sends each change that affects tokens, with what a verifier has to forget, and nothing else", async () => {
    const opened = await syncedStream();
    const { changes, servers, view } = service;
    const start = view.feed.position();
    await changes.createUser("test", { name: "other", account: "acme", access: "full" });
    await changes.addKey("test", { username: "api-1-other", text: rsaKeyPair("bob").publicPem });
    await toggle("deactivated");
    await toggle("active");
    await servers.create("test", "another");
    await changes.setUserStanding("test", "api-1-demo", "deactivated");
    await changes.setUserStanding("test", "api-1-demo", "active");
    await changes.createAccount("test", { shortname: "empty" });
    await changes.setAccountStanding("test", "acme", "deactivated");
    await changes.setAccountStanding("test", "acme", "active");
    await changes.revokeKey("test", 2 as KeyId);
    await service.registry.store.transaction(async (transaction) => {
      const token = { userId: 1 as ApiUserId, keyId: 1, nonce: 7, expiresAtSeconds: 1_481_653_854 };
      await transaction.revokedTokens.insert(token);
      const details = { username: "api-1-demo", key_id: 1 };
      await transaction.events.append({
        atMs: 0,
        actor: "client:api-1-demo",
        action: "token.revoked",
        subject: "token:1-1481653854-7",
        details,
      });
    });
    await append("token.renamed");
    await view.feed.catchUp();
    service.streams.tick();
    const heard: unknown[] = [];
    for (let count = 0; count < 11; count++) {
      const { event, id, data } = (await opened.next()) ?? assert.fail("the stream has ended");
      heard.push({ event, id, data });
    }
    const demo = { username: "api-1-demo" };
    assert.deepEqual(
      heard,
      (
        [
          ["change", 2, { action: "key.added", username: "api-1-other", key_id: 2 }],
          ["change", 3, { action: "key.deactivated", ...demo, key_id: 1 }],
          ["change", 4, { action: "key.activated", ...demo, key_id: 1 }],
          ["change", 6, { action: "user.deactivated", ...demo }],
          ["change", 7, { action: "user.activated", ...demo }],
          ["change", 9, { action: "account.deactivated", account: "acme" }],
          ["change", 10, { action: "account.activated", account: "acme" }],
          ["change", 11, { action: "key.revoked", username: "api-1-other", key_id: 2 }],
          ["change", 12, { action: "token.revoked", ...demo, key_id: 1, jti: "1-1481653854-7" }],
          ["change", 13, { action: "token.renamed" }],
          ["sync", 13, {}],
        ] as const
      ).map(([event, offset, data]) => ({ event, id: String(start + offset), data })),
    );
  });

  test("moves its position past the events that it doesn't send", async () => {
    const opened = await syncedStream();
    await service.changes.createAccount("test", { shortname: "quiet" });
    service.streams.tick();
    assert.deepEqual(await read(opened, 1), [`sync ${service.view.feed.position()}`]);
  });

  test("sends a change as soon as this node has applied it, and never before", async () => {
    const opened = await syncedStream();
    const other = service.registry.changes;
    await other.setKeyStanding("test", KEY, "deactivated");
    service.streams.tick();
    const before = service.view.feed.position();
    assert.deepEqual(await read(opened, 1), [`sync ${before}`]);
    await service.view.feed.catchUp();
    assert.deepEqual(await read(opened, 1), [`change ${before + 1} key.deactivated`]);
  });

  test("names in each event the previous one on this stream, whatever lies between them", async () => {
    const opened = await stream();
    await toggle("deactivated");
    await service.changes.createAccount("test", { shortname: "quiet" });
    await toggle("active");
    service.streams.tick();
    service.streams.tick();
    const heard: StreamEvent[] = [];
    for (let count = 0; count < 5; count++) heard.push((await opened.next()) ?? assert.fail("the stream has ended"));
    assert.deepEqual(
      heard.map(({ previous }) => previous),
      [null, ...heard.slice(0, -1).map(({ wholeId }) => wholeId)],
    );
    const [, , last] = heard as [StreamEvent, StreamEvent, StreamEvent];
    const resumed = await stream({ "Last-Event-ID": last.wholeId });
    assert.equal((await resumed.next())?.previous, last.wholeId);
    const unknown = await stream({ "Last-Event-ID": `${last.id}-0123456789abcdef` });
    const [reset, sync] = [await unknown.next(), await unknown.next()];
    assert.deepEqual([reset?.event, reset?.previous, sync?.previous], ["reset", null, reset?.wholeId]);
  });

  test("is the same for each reader", async () => {
    const both = [await syncedStream(), await syncedStream()] as const;
    assert.equal(service.streams.count(), 2);
    await toggle("deactivated");
    await toggle("active");
    service.streams.tick();
    const [first, second] = await Promise.all(both.map((each) => read(each, 3)));
    assert.deepEqual(first, second);
    assert.match(String(first), /key\.deactivated,.*key\.activated,sync/);
  });

  test("whose reader disconnects is forgotten", async () => {
    const opened = await syncedStream();
    const staying = await syncedStream();
    opened.end();
    await until(() => service.streams.count() === 1);
    await toggle("deactivated");
    service.streams.tick();
    assert.equal((await read(staying, 2)).length, 2);
  });
});

describe("a sync", () => {
  test("is sent at every tick while the view was confirmed within a second, and not otherwise", async () => {
    const opened = await syncedStream();
    const position = service.view.feed.position();
    for (const [step, isSaid] of [
      [999, true],
      [1, true],
      [1, false],
      [5000, false],
    ] as const) {
      service.clock.advanceMonotonicMs(step);
      service.streams.tick();
      // The next event is this tick's sync, or the change that was made after it.
      if (isSaid) assert.deepEqual(await read(opened, 1), [`sync ${position}`]);
    }
    await toggle("deactivated");
    assert.deepEqual(await read(opened, 1), [`change ${position + 1} key.deactivated`], "no sync in between");
    service.streams.tick();
    assert.deepEqual(await read(opened, 1), [`sync ${position + 1}`], "confirmed again");
  });

  test("isn't sent to a new stream either while the view isn't confirmed", async () => {
    service.clock.advanceMonotonicMs(1001);
    const opened = await stream();
    await toggle("deactivated");
    service.streams.tick();
    const [first = ""] = await read(opened, 1);
    assert.match(first, /^(change \d+ key\.deactivated|sync \d+)$/);
    const position = service.view.feed.position();
    assert.ok(first.includes(String(position)), "nothing was sent before the view was confirmed");
  });
});

describe("a stream that is resumed", () => {
  test("sends exactly what was missed, and then a sync", async () => {
    const opened = await syncedStream();
    await toggle("deactivated");
    const { id } = (await opened.next()) ?? assert.fail();
    opened.end();
    await toggle("active");
    await service.changes.createAccount("test", { shortname: "quiet" });
    await toggle("deactivated");
    const position = service.view.feed.position();
    assert.deepEqual(await read(await stream({ "Last-Event-ID": id }), 3), [
      `change ${position - 2} key.activated`,
      `change ${position} key.deactivated`,
      `sync ${position}`,
    ]);
    assert.deepEqual(await read(await stream({ "Last-Event-ID": String(position - 1) }), 2), [
      `change ${position} key.deactivated`,
      `sync ${position}`,
    ]);
    assert.deepEqual(await read(await stream({ "Last-Event-ID": String(position) }), 1), [`sync ${position}`]);
  });

  test("from 0 sends everything from the beginning, in several parts", async () => {
    const before = service.view.feed.position();
    await append(...Array.from({ length: 1200 }, (_, number) => (number % 2 === 0 ? "key.added" : "user.created")));
    await service.view.feed.catchUp();
    const opened = await stream({ "Last-Event-ID": "0" });
    const heard = await read(opened, 602);
    assert.equal(heard[0], "change 3 key.added", "the user's key");
    assert.deepEqual(
      heard.slice(1, 601),
      Array.from({ length: 600 }, (_, number) => `change ${before + 1 + 2 * number} key.added`),
    );
    assert.equal(heard[601], `sync ${before + 1200}`);
  });

  test("from a position that this node hasn't reached catches up first, since another node may have been ahead", async () => {
    await service.registry.changes.setKeyStanding("test", KEY, "deactivated");
    await service.registry.changes.setKeyStanding("test", KEY, "active");
    const behind = service.view.feed.position();
    const opened = await stream({ "Last-Event-ID": String(behind + 1) });
    assert.deepEqual(await read(opened, 2), [`change ${behind + 2} key.activated`, `sync ${behind + 2}`]);
  });

  test("after an event that has another hash here sends a reset: a backup was restored and history differs", async () => {
    const { wholeId } = (await (await stream()).next()) ?? assert.fail();
    const position = service.view.feed.position();
    assert.deepEqual(await read(await stream({ "Last-Event-ID": wholeId }), 1), [`sync ${position}`]);
    const [number, hash = ""] = wholeId.split("-");
    const other = (hash.startsWith("0") ? "1" : "0") + hash.slice(1);
    const opened = await stream({ "Last-Event-ID": `${number}-${other}` });
    assert.deepEqual(await read(opened, 2), [`reset ${position}`, `sync ${position}`]);
  });

  for (const [name, id] of [
    ["in the future", "99999"],
    ["that is no number", "x"],
    ["that is empty", ""],
    ["below zero", "-1"],
    ["that is a fraction", "1.5"],
    ["in another base", "0x1"],
    ["far too long", "9".repeat(400)],
    ["that is two", "1, 2"],
  ] as const) {
    test(`from a position ${name} sends a reset, and continues from the present`, async () => {
      await toggle("deactivated");
      const opened = await stream({ "Last-Event-ID": id });
      const position = service.view.feed.position();
      assert.deepEqual(await read(opened, 2), [`reset ${position}`, `sync ${position}`]);
      await toggle("active");
      assert.deepEqual(await read(opened, 1), [`change ${position + 1} key.activated`]);
    });
  }

  test("sends up to 10000 missed events, and a reset beyond that", async () => {
    const start = service.view.feed.position();
    await append(...Array.from({ length: 10_000 }, () => "user.created"));
    await toggle("deactivated");
    const position = start + 10_001;
    assert.equal(service.view.feed.position(), position);
    assert.deepEqual(await read(await stream({ "Last-Event-ID": String(start + 1) }), 2), [
      `change ${position} key.deactivated`,
      `sync ${position}`,
    ]);
    assert.deepEqual(await read(await stream({ "Last-Event-ID": String(start) }), 2), [
      `reset ${position}`,
      `sync ${position}`,
    ]);
  });

  test("sends what happens while it reads older events, each event once and in order, without a sync in between", async () => {
    await toggle("deactivated");
    const start = service.view.feed.position();
    await toggle("active");
    const delayed = service.watched.delayNext("events.after");
    const opened = await stream({ "Last-Event-ID": String(start) });
    await delayed.asked;
    await toggle("deactivated");
    service.streams.tick();
    await toggle("active");
    service.streams.tick();
    delayed.release();
    assert.deepEqual(await read(opened, 4), [
      `change ${start + 1} key.activated`,
      `change ${start + 2} key.deactivated`,
      `change ${start + 3} key.activated`,
      `sync ${start + 3}`,
    ]);
    service.streams.tick();
    assert.deepEqual(await read(opened, 1), [`sync ${start + 3}`]);
  });

  test("also sends what happens after its last read of older events", async () => {
    const delayed = service.watched.delayNext("events.after");
    const opened = await stream();
    // The read has ended, and found nothing.
    await delayed.asked;
    await toggle("deactivated");
    delayed.release();
    const position = service.view.feed.position();
    assert.deepEqual(await read(opened, 2), [`change ${position} key.deactivated`, `sync ${position}`]);
  });

  test("is cut off where missed events can't be read, and can be resumed", async () => {
    service.watched.fail("events.after");
    // The answer's head may have been sent already or not.
    const opened = await stream({ "Last-Event-ID": "0" }).catch(() => undefined);
    if (opened !== undefined) assert.deepEqual(await ends(opened), []);
    assert.match(service.log(), /a change stream can't begin/);
    await until(() => service.streams.count() === 0);
    service.watched.fail();
    assert.match((await read(await stream({ "Last-Event-ID": "0" }), 1))[0] ?? "", /^change 3 /);
  });
});

describe("a stream's resource server", () => {
  test("that is deactivated gets nothing more and is refused; another's stream continues", async () => {
    const { server, secret } = await service.servers.create("test", "other");
    const opened = await syncedStream();
    const other = await stream(basic(server.clientId, secret));
    await other.next();
    await service.servers.setStanding("test", "shop", "deactivated");
    assert.deepEqual(await ends(opened), []);
    assert.equal(service.streams.count(), 1);
    assert.equal((await stream()).status, 401);
    await toggle("deactivated");
    assert.match((await read(other, 1))[0] ?? "", /key\.deactivated/);
    await service.servers.setStanding("test", "shop", "active");
    await syncedStream();
  });

  test("that is deactivated in another process gets nothing more once this node knows", async () => {
    const opened = await syncedStream();
    const elsewhere = createResourceServerChanges(
      await service.registry.connect(),
      service.clock,
      createSystemRandom(),
    );
    await elsewhere.setStanding("test", "shop", "deactivated");
    await service.view.feed.poll();
    assert.deepEqual(await ends(opened), []);
  });

  test("that was created in another process keeps a stream that it opened before this node read the event", async () => {
    const { server, secret } = await createResourceServerChanges(
      await service.registry.connect(),
      service.clock,
      createSystemRandom(),
    ).create("test", "late");
    auth = basic(server.clientId, secret);
    const opened = await syncedStream();
    await service.view.feed.poll();
    await toggle("deactivated");
    assert.match(String(await read(opened, 1)), /^change \d+ key\.deactivated$/);
  });

  test("whose secret is rotated gets nothing more, and can reconnect with the new secret", async () => {
    const opened = await syncedStream();
    const { server, secret } = await service.servers.rotate("test", "shop", 0);
    assert.deepEqual(await ends(opened), []);
    assert.equal((await stream()).status, 401, "the old secret has ended");
    auth = basic(server.clientId, secret);
    await syncedStream();
  });

  test("keeps a stream with its old secret until the grace ends, and not a millisecond longer", async () => {
    await service.servers.rotate("test", "shop", 10_000);
    const opened = await syncedStream();
    service.clock.advanceSeconds(9.999);
    service.streams.tick();
    await toggle("deactivated");
    assert.match(String(await read(opened, 1)), /key\.deactivated/, "the view wasn't confirmed, so no sync");
    service.clock.advanceSeconds(0.001);
    service.streams.tick();
    assert.deepEqual(await ends(opened), []);
    assert.equal((await stream()).status, 401);
  });

  test("keeps a stream with its new secret after the grace, however often the clock ticks", async () => {
    const { server, secret } = await service.servers.rotate("test", "shop", 10_000);
    service.clock.advanceSeconds(10);
    await service.view.feed.catchUp();
    auth = basic(server.clientId, secret);
    const opened = await syncedStream();
    for (let ticks = 0; ticks < 3; ticks++) {
      service.streams.tick();
      assert.match(String(await read(opened, 1)), /^sync/);
      service.clock.advanceSeconds(1);
      await service.view.feed.poll();
    }
    assert.equal(service.streams.count(), 1);
  });

  test("that is deactivated while it is being authenticated gets no lasting stream", async () => {
    const delayed = service.watched.delayNext("resourceServers.load");
    const opening = stream();
    await delayed.asked;
    await service.servers.setStanding("test", "shop", "deactivated");
    delayed.release();
    const opened = await opening;
    if (opened.status === 200) assert.deepEqual(await ends(opened), []);
    else assert.equal(opened.status, 401);
    assert.equal(service.streams.count(), 0);
  });

  test("that disconnects while it is being authenticated leaves nothing behind", async () => {
    const delayed = service.watched.delayNext("resourceServers.load");
    const response = Promise.withResolvers<ServerResponse>();
    const { url } = await listen((request, answer) => {
      response.resolve(answer);
      service.streams.endpoint(request, answer);
    });
    const opening = openStream(url, auth).catch(() => undefined);
    const { socket } = await response.promise;
    await delayed.asked;
    const gone = new Promise((resolve) => (socket ?? assert.fail()).once("close", resolve));
    socket?.destroy();
    await gone;
    await opening;
    delayed.release();
    for (let turns = 0; turns < 5; turns++) await turn();
    assert.equal(service.streams.count(), 0);
  });
});

/** The endpoint on a server of its own, for a test that needs the response. */
async function listen(listener: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(listener);
  listening.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}` };
}

describe("a reader that stops reading", () => {
  /** A stream whose reader has stopped, and whose next event has to be buffered. */
  async function stalled() {
    const responses: ServerResponse[] = [];
    const { url } = await listen((request, response) => {
      responses.push(response);
      service.streams.endpoint(request, response);
    });
    const opened = await stream({}, url);
    await opened.next();
    opened.pause();
    const [response] = responses;
    assert.ok(response !== undefined);
    // An action of a newer release, long enough to fill the connection.
    for (let count = 0; response.writableLength === 0; count++) {
      assert.ok(count < 1000, "the connection takes everything");
      await append("x".repeat(60_000));
      await service.view.feed.catchUp();
      await turn();
    }
    assert.ok(!response.destroyed);
    return { opened, response };
  }

  test("is cut off once a mebibyte is buffered for it, and the others continue", async () => {
    const other = await syncedStream();
    const { opened, response } = await stalled();
    const start = response.writableLength;
    for (let waiting = start; waiting < 2_000_000 && !response.destroyed; waiting += 60_000) {
      await append("x".repeat(60_000));
      await service.view.feed.catchUp();
      await turn();
    }
    assert.ok(response.destroyed);
    assert.ok(response.writableLength < 1_048_576 + 100_000);
    opened.resume();
    await ends(opened);
    await until(() => service.streams.count() === 1);
    assert.ok((await read(other, 3)).every((each) => each.startsWith("change ")));
  });

  test("and whose stream is ended gets nothing after the end, whatever happens meanwhile", async () => {
    for (const [name, finish] of [
      ["deactivated", () => service.servers.setStanding("test", "shop", "deactivated")],
      [
        "closed",
        async () => {
          service.streams.close();
        },
      ],
    ] as const) {
      const { opened, response } = await stalled();
      await finish();
      assert.equal(service.streams.count(), 0, name);
      assert.ok(!response.destroyed, "it may still read what was sent before");
      await toggle("deactivated");
      await toggle("active");
      service.streams.tick();
      for (let turns = 0; turns < 5; turns++) await turn();
      opened.resume();
      const rest = await ends(opened);
      assert.ok(
        rest.every(({ event, data }) => event === "change" && (data as { action: string }).action.startsWith("xxx")),
      );
      await service.servers.setStanding("test", "shop", "active");
    }
  });

  test("and whose secret's grace ends is ended once, by the tick", async () => {
    await service.servers.rotate("test", "shop", 1000);
    const { opened } = await stalled();
    service.clock.advanceSeconds(1);
    for (let ticks = 0; ticks < 3; ticks++) service.streams.tick();
    await toggle("deactivated");
    for (let turns = 0; turns < 5; turns++) await turn();
    opened.resume();
    assert.ok((await ends(opened)).length > 0);
  });
});

describe("a stream that is ended while it reads older events", () => {
  for (const [name, finish] of [
    ["because its resource server was deactivated", () => service.servers.setStanding("test", "shop", "deactivated")],
    [
      "because the service stops",
      async () => {
        service.streams.close();
      },
    ],
  ] as const) {
    test(`${name} sends none of them`, async () => {
      await toggle("deactivated");
      const delayed = service.watched.delayNext("events.after");
      const opened = await stream({ "Last-Event-ID": "0" });
      await delayed.asked;
      await finish();
      delayed.release();
      assert.deepEqual(await ends(opened), []);
      for (let turns = 0; turns < 5; turns++) await turn();
      assert.doesNotMatch(service.log(), /can't begin/);
    });
  }
});

describe("the change feed", () => {
  test("accepts only GET, and says so", async () => {
    for (const method of ["POST", "HEAD", "PUT", "DELETE"]) {
      const answer = await send(service.url + PATH, method, { headers: auth });
      assert.deepEqual([answer.status, answer.headers["allow"]], [405, "GET, OPTIONS"], method);
      if (method !== "HEAD") assert.match(answer.body, /"code":"method_not_allowed"/);
    }
    const options = await send(service.url + PATH, "OPTIONS");
    assert.deepEqual([options.status, options.headers["allow"], options.body], [204, "GET, OPTIONS", ""]);
    assert.equal(service.streams.count(), 0);
    assert.equal((await send(`${service.url}${PATH}x`, "GET", { headers: auth })).status, 404);
  });

  test("accepts only resource servers, and refuses in the envelope", async () => {
    const wrong = `${auth.Authorization.slice(0, -6)}AAAA==`;
    for (const headers of [{}, { Authorization: wrong }, { Authorization: "Bearer x" }, basic("rs-1", "x")]) {
      const answer = await send(service.url + PATH, "GET", { headers });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers["www-authenticate"], 'Basic realm="countersign", charset="UTF-8"');
      assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
      const { meta, data } = JSON.parse(answer.body) as { meta: { code: number; errors: object[] }; data: object };
      assert.deepEqual([meta.code, (meta.errors[0] as { code: string }).code, data], [401, "client_rejected", {}]);
    }
    assert.equal(service.streams.count(), 0);
  });

  test("accepts no credentials in the URL", async () => {
    const [clientId = "", clientSecret = ""] = Buffer.from(auth.Authorization.slice(6), "base64").toString().split(":");
    const query = new URLSearchParams({ client_id: clientId, client_secret: clientSecret }).toString();
    assert.equal((await send(`${service.url}${PATH}?${query}`, "GET")).status, 401);
    assert.ok(!service.log().includes(clientSecret));
  });

  test("is refused where the resource servers can't be read", async () => {
    service.watched.fail("resourceServers.load");
    const answer = await send(service.url + PATH, "GET", { headers: auth });
    assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "1"]);
    assert.match(answer.body, /"code":"unavailable"/);
  });

  test("ends every stream when the service stops, and accepts no new one", async () => {
    const both = [await syncedStream(), await syncedStream()];
    service.streams.close();
    for (const each of both) assert.deepEqual(await ends(each), []);
    assert.equal(service.streams.count(), 0);
    const late = await send(service.url + PATH, "GET", { headers: auth });
    assert.deepEqual([late.status, late.headers["retry-after"]], [503, "1"]);
    await toggle("deactivated");
    service.streams.tick();
  });

  test("has a limit of streams; one more is refused with a Retry-After until one ends", async () => {
    const small = await startTestService({ streamsMax: 2 });
    services.push(small);
    const { server, secret } = await small.servers.create("test", "shop");
    auth = basic(server.clientId, secret);
    const [first] = [await stream({}, small.url + PATH), await stream({}, small.url + PATH)];
    const refused = await send(small.url + PATH, "GET", { headers: auth });
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [429, "10"]);
    assert.match(refused.body, /"code":"rate_limited"/);
    assert.match(await small.metrics(), /\ncountersign_change_streams 2\n/);
    first.end();
    await until(() => small.streams.count() === 1);
    assert.equal((await stream({}, small.url + PATH)).status, 200);
  });
});
