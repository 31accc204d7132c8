import { composeNode } from "../compose/node.ts";
import { composePublicListener } from "../compose/public-listener.ts";
import { parseConfig } from "../config/config.ts";
import { createRegistryChanges, type RegistryChanges } from "./test-changes.ts";
import { createResourceServerChanges, type ResourceServerChanges } from "./test-changes.ts";
import { createCommit } from "../core/change/commit.ts";
import { openRegistryView, type RegistryView } from "../core/view/view.ts";
import type { ChangeStreams } from "../http/public/changes/change-streams.ts";
import { openHttpServer } from "../http/server/http-server.ts";
import { createRequestIds } from "../http/server/request-id.ts";
import { createLog } from "../platform/logger.ts";
import { createSystemRandom } from "../platform/random.ts";
import { buildAssertion, exampleClientClaims } from "./build-assertion.ts";
import { rsaKeyPair, type RsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import type { TestClock } from "./test-clock.ts";
import { openTestRegistry, type TestRegistry } from "./test-registry.ts";
import { TEST_MASTER_SECRET, testSigningKeys } from "./test-signing-keys.ts";
import { type WatchedStore, watchStore } from "./watched-store.ts";

/** The public listener on a real socket and a real store, with a stopped clock and without background work. */
export interface TestService {
  /** Its URL. */
  readonly url: string;
  readonly publicUrl: string;
  readonly clock: TestClock;
  readonly registry: TestRegistry;
  readonly watched: WatchedStore;
  readonly view: RegistryView;
  /** Changes of this process: they take effect here before they are acknowledged. */
  readonly changes: RegistryChanges;
  readonly servers: ResourceServerChanges;
  readonly streams: ChangeStreams;
  /** How long rejections were delayed, in milliseconds. */
  readonly pauses: readonly number[];
  /** The log, at its most verbose level. */
  log(): string;
  /** An assertion for an OAuth endpoint by `api-1-demo`, with a new jti. */
  assertion(claims?: Readonly<Record<string, unknown>>, pair?: RsaKeyPair): string;
  /** The metrics, as Prometheus reads them. */
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export interface TestServiceOptions {
  readonly publicUrl?: string;
  /** Refusals allowed for each address in a minute; unlimited by default. */
  readonly refusalLimit?: number;
  /** Streams of changes at once; by default as many as in the product. */
  readonly streamsMax?: number;
}

/** Has an account `acme` with the user `api-1-demo`, whose key 1 is `rsaKeyPair("alice")`. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const { publicUrl = "https://auth.example" } = options;
  const registry = await openTestRegistry();
  const { store, clock } = registry;
  await registry.changes.createAccount("test", { shortname: "acme" });
  await registry.changes.createUser("test", { name: "demo", account: "acme", access: "full" });
  await registry.changes.addKey("test", { username: "api-1-demo", text: rsaKeyPair("alice").publicPem });

  const watched = watchStore(store);
  const view = await openRegistryView(watched.store, clock);
  const onChanged = () => view.feed.catchUp();
  const random = createSystemRandom();
  const nextRequestId = createRequestIds(random);
  const server = await openHttpServer("127.0.0.1", 0, nextRequestId, { reason: "starting" });
  let logged = "";
  const node = composeNode({
    config: parseConfig({ COUNTERSIGN_REFUSAL_LIMIT: String(options.refusalLimit ?? 0) }),
    log: createLog("trace", [], (line) => (logged += line)),
    surroundings: { clock, random },
    registry: {
      store: watched.store,
      view,
      masterSecrets: [TEST_MASTER_SECRET],
      signingKeys: testSigningKeys(1),
      onChanged,
      commit: createCommit(watched.store, clock, onChanged),
      commitWithoutView: createCommit(watched.store, clock),
    },
    nextRequestId,
    publicUrl,
    streamCount: () => changeStreams.count(),
  });
  const pauses: number[] = [];
  const { app, changeStreams } = await composePublicListener(node, {
    pause: async (milliseconds) => void pauses.push(milliseconds),
    streamEndPause: () => new Promise(() => undefined),
    ...(options.streamsMax !== undefined && { streamsMax: options.streamsMax }),
  });
  server.serve(app.listener, publicUrl);
  let jtis = 0;
  return {
    url: server.url,
    publicUrl,
    clock,
    registry,
    watched,
    view,
    changes: createRegistryChanges(store, clock, onChanged),
    servers: createResourceServerChanges(store, clock, random, onChanged),
    streams: changeStreams,
    pauses,
    log: () => logged,
    assertion(claims = {}, pair = rsaKeyPair("alice")) {
      jtis++;
      const all = { ...exampleClientClaims("api-1-demo", `jti ${jtis}`), aud: publicUrl, ...claims };
      return buildAssertion(pair.privateKey, { claims: all });
    },
    metrics: () => node.metrics.text(),
    async close() {
      changeStreams.close();
      await server.drain(100);
      await app.close();
      await registry.close();
    },
  };
}
