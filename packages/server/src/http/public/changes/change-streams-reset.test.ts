/** What streams of changes send where the store has lost events: everything that they sent before is void. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { createAuthenticateResourceServer } from "../../../core/resource-servers/authenticate.ts";
import { createRegistryChanges, type RegistryChanges } from "../../../testing/test-changes.ts";
import { createResourceServerChanges } from "../../../testing/test-changes.ts";
import { openRegistryView, type RegistryView } from "../../../core/view/view.ts";
import { createLog } from "../../../platform/logger.ts";
import { createSystemRandom } from "../../../platform/random.ts";
import { openTestRegistry, type TestRegistry } from "../../../testing/test-registry.ts";
import { until } from "../../../../../../test/testkit/eventually.ts";
import { type WatchedStore, watchStore } from "../../../testing/watched-store.ts";
import { createClientAddress } from "../../server/client-address.ts";
import { createClientSource } from "../../server/client-source.ts";
import { createMetrics } from "../../server/metrics.ts";
import { createRefusalLimit } from "../../server/refusal-limit.ts";
import { createLimitedAuthentication } from "../authenticate-resource-server.ts";
import { type ChangeStreams, createChangeStreams } from "./change-streams.ts";
import { createTrustedProxies } from "../../server/trusted-proxies.ts";

let registry: TestRegistry;
let watched: WatchedStore;
let view: RegistryView;
let changes: RegistryChanges;
let streams: ChangeStreams;
let server: Server;
let authorization: string;
/** The number of the last event before a test. */
let start: number;

beforeEach(async () => {
  registry = await openTestRegistry();
  const { clock } = registry;
  watched = watchStore(registry.store);
  view = await openRegistryView(watched.store, clock);
  changes = createRegistryChanges(registry.store, clock, () => view.feed.catchUp());
  const servers = createResourceServerChanges(registry.store, clock, createSystemRandom(), () => view.feed.catchUp());
  const shop = await servers.create("test", "shop");
  authorization = `Basic ${Buffer.from(`${shop.server.clientId}:${shop.secret}`).toString("base64")}`;
  await changes.createAccount("test", { shortname: "acme" });
  start = view.feed.position();

  const limit = createRefusalLimit(0, clock);
  const authenticateResourceServer = createLimitedAuthentication(
    createAuthenticateResourceServer(view, clock),
    limit,
    clock,
  );
  streams = createChangeStreams(
    { feed: view.feed, authenticateResourceServer, limit, clock, pause: () => new Promise(() => undefined) },
    {
      publicUrl: "http://auth.example",
      nextRequestId: () => "request",
      clientAddress: createClientAddress(createTrustedProxies([])),
      clientSource: createClientSource(createTrustedProxies([]), createClientAddress(createTrustedProxies([])), false),
      log: createLog("silent", [], () => undefined),
      metrics: createMetrics(view),
    },
  );
  server = createServer((request, response) => {
    streams.endpoint(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  streams.close();
  server.closeAllConnections();
  server.close();
  await registry.close();
});

/** A stream, with the events that it sent, one a line; of the previous event's id only the number is shown. */
async function listen(lastEventId?: number) {
  const { port } = server.address() as AddressInfo;
  const headers = { authorization, ...(lastEventId !== undefined && { "last-event-id": String(lastEventId) }) };
  const [response] = (await once(get({ port, host: "127.0.0.1", headers }), "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  let text = "";
  let hasEnded = false;
  response.setEncoding("utf8").on("data", (part: string) => (text += part));
  response.on("error", () => undefined);
  response.once("close", () => (hasEnded = true));
  return {
    heard: () =>
      [...text.matchAll(/event: (\S+)\nid: (\d+)-\S+\ndata: (.*)\n\n/g)].map(([, event, seq, data = ""]) => {
        const { previous, ...rest } = JSON.parse(data) as { previous: string | null };
        return `${event} ${seq} after ${previous?.split("-")[0] ?? "none"} ${JSON.stringify(rest)}`;
      }),
    hasEnded: () => hasEnded,
  };
}

function forgetEvents(fromSeq: number): void {
  registry.rewrite(`delete from audit_events where seq >= ${fromSeq}`);
}

describe("a stream of changes, where the store has lost events", () => {
  test("sends a reset at the store's last position, then continues from there", async () => {
    const stream = await listen();
    await until(() => stream.heard().length === 1);
    await changes.setAccountStanding("test", "acme", "deactivated");
    await changes.setAccountStanding("test", "acme", "active");
    forgetEvents(start + 1);
    await view.feed.poll();
    streams.tick();
    await changes.setAccountStanding("test", "acme", "deactivated");
    streams.tick();
    await until(() => stream.heard().length >= 7);
    const deactivated = '{"action":"account.deactivated","account":"acme"}';
    assert.deepEqual(stream.heard(), [
      `sync ${start} after none {}`,
      `change ${start + 1} after ${start} ${deactivated}`,
      `change ${start + 2} after ${start + 1} {"action":"account.activated","account":"acme"}`,
      `reset ${start} after none {}`,
      `sync ${start} after ${start} {}`,
      `change ${start + 1} after ${start} ${deactivated}`,
      `sync ${start + 1} after ${start + 1} {}`,
    ]);
    assert.equal(stream.hasEnded(), false);
  });

  test("that is still reading older events is ended, and its client gets the reset when it reconnects", async () => {
    await changes.setAccountStanding("test", "acme", "deactivated");
    await changes.setAccountStanding("test", "acme", "active");
    const delayed = watched.delayNext("events.after");
    const stream = await listen(start);
    await delayed.asked;
    const other = await listen();
    await until(() => other.heard().length === 1);
    forgetEvents(start + 1);
    await view.feed.poll();
    delayed.release();
    await until(() => stream.hasEnded());
    streams.tick();
    assert.deepEqual(stream.heard(), [], "nothing of the lost history");
    assert.equal(streams.count(), 1);
    const again = await listen(start + 2);
    await until(() => again.heard().length === 2);
    assert.deepEqual(again.heard(), [`reset ${start} after none {}`, `sync ${start} after ${start} {}`]);
    await until(() => other.heard().length === 3);
    assert.deepEqual(other.heard(), [
      `sync ${start + 2} after none {}`,
      `reset ${start} after none {}`,
      `sync ${start} after ${start} {}`,
    ]);
  });
});
