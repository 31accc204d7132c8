import { createAuthenticateResourceServer } from "../core/resource-servers/authenticate.ts";
import { endpointAudiences } from "../core/assertion/audiences.ts";
import { createCheckToken } from "../core/check.ts";
import { createExchange } from "../core/exchange.ts";
import { createIssueToken } from "../core/issue-token.ts";
import { createAssertionLedger } from "../core/oauth/assertion-ledger.ts";
import { createAuthenticateClient } from "../core/oauth/authenticate-client.ts";
import { createGrantClientCredentials } from "../core/oauth/client-credentials.ts";
import { createRevokeToken } from "../core/oauth/revoke-token.ts";
import { createRegistryChanges, type RegistryChanges } from "../core/registry-changes.ts";
import { createResourceServerChanges, type ResourceServerChanges } from "../core/resource-servers/changes.ts";
import type { RegistryStore } from "../core/store/store.ts";
import { openRegistryView, type RegistryView } from "../core/view/view.ts";
import { buildPublicApp } from "../http/app.ts";
import { type ChangeStreams, createChangeStreams } from "../http/public/changes/change-streams.ts";
import { createIsReading } from "../http/public/is-reading.ts";
import { createClientAddress } from "../http/server/client-address.ts";
import { openHttpServer } from "../http/server/http-server.ts";
import { createMetrics } from "../http/server/metrics.ts";
import { createRefusalLimit } from "../http/server/refusal-limit.ts";
import { createRequestIds } from "../http/server/request-id.ts";
import { createResourceServerDoor } from "../http/public/resource-server-door.ts";
import { createLog } from "../platform/logger.ts";
import { createSystemRandom } from "../platform/random.ts";
import { buildAssertion, exampleClientClaims } from "./build-assertion.ts";
import { rsaKeyPair, type TestKeyPair } from "./rsa-keys.ts";
import type { TestClock } from "./test-clock.ts";
import { openTestRegistry, type TestRegistry } from "./test-registry.ts";
import { testSigningKeys } from "./test-signing-keys.ts";
import { type WatchedStore, watchStore } from "./watched-store.ts";

/** The public listener on a real socket and a real store, with a clock that stands still and nothing that runs by itself. */
export interface TestService {
  /** Where it listens. */
  readonly url: string;
  readonly publicUrl: string;
  readonly clock: TestClock;
  readonly registry: TestRegistry;
  readonly watched: WatchedStore;
  readonly view: RegistryView;
  /** Changes of this process: they hold here before they are acknowledged. */
  readonly changes: RegistryChanges;
  readonly servers: ResourceServerChanges;
  readonly streams: ChangeStreams;
  /** How long rejections were held back, in milliseconds. */
  readonly pauses: readonly number[];
  /** The log, at its most talkative. */
  log(): string;
  /** An assertion for an OAuth endpoint by `api-1-demo`, with a new jti. */
  assertion(claims?: Readonly<Record<string, unknown>>, pair?: TestKeyPair): string;
  /** The figures, as Prometheus reads them. */
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export interface TestServiceOptions {
  readonly publicUrl?: string;
  /** Refusals a minute and address; none unless given. */
  readonly refusalLimit?: number;
  /** Streams of changes at once; as many as in the product unless given. */
  readonly streamsMax?: number;
}

/** Has an account `acme` with the user `api-1-demo`, whose key 1 is `rsaKeyPair("alice")`. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const { publicUrl = "https://auth.example", refusalLimit: limit = 0 } = options;
  const registry = await openTestRegistry();
  const { store, clock } = registry;
  await registry.changes.createAccount("test", { shortname: "acme" });
  await registry.changes.createUser("test", { name: "demo", account: "acme", access: "full" });
  await registry.changes.addKey("test", { username: "api-1-demo", text: rsaKeyPair("alice").publicPem });

  const watched = watchStore(store);
  const view = await openRegistryView(watched.store, clock);
  const onChanged = () => view.catchUp();
  const random = createSystemRandom();
  const nextRequestId = createRequestIds(random);
  const server = await openHttpServer("127.0.0.1", 0, nextRequestId, { reason: "starting" });
  let logged = "";
  const log = createLog("trace", [], (line) => (logged += line));
  const metrics = createMetrics(view, () => streams.count());
  const surroundings = { publicUrl, nextRequestId, clientAddress: createClientAddress([]), log, metrics };
  const signingKeys = testSigningKeys(1);
  const audiences = endpointAudiences(publicUrl);
  const issueToken = createIssueToken(signingKeys, random, () => undefined);
  const ledger = createAssertionLedger(store, clock);
  const authenticateFor = (audience: "token" | "revocation") =>
    createAuthenticateClient(view, clock, audiences[audience], ledger);
  const refusalLimit = createRefusalLimit(limit, clock);
  const door = createResourceServerDoor(createAuthenticateResourceServer(view, clock), refusalLimit, clock);
  const eventsAfter: RegistryStore["eventsAfter"] = (seq, max) => watched.store.eventsAfter(seq, max);
  const streams = createChangeStreams(
    { view, eventsAfter, door, limit: refusalLimit, clock, pause: () => new Promise(() => undefined) },
    surroundings,
    options.streamsMax,
  );
  const pauses: number[] = [];
  const app = await buildPublicApp({
    ...surroundings,
    version: "0.0.0",
    readiness: () => Promise.resolve({ ready: true }),
    exchange: createExchange({ view, clock, audiences: audiences.exchange, issueToken }),
    checkToken: createCheckToken({ view, signingKeys, clock }),
    grantClientCredentials: createGrantClientCredentials(authenticateFor("token"), issueToken),
    revokeToken: createRevokeToken({
      authenticateClient: authenticateFor("revocation"),
      signingKeys,
      store,
      clock,
      onChanged,
    }),
    door,
    feedPosition: () => view.position(),
    changesEndpoint: streams.endpoint,
    refusalLimit,
    isReading: createIsReading([]),
    pause: async (milliseconds) => void pauses.push(milliseconds),
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
    streams,
    pauses,
    log: () => logged,
    assertion(claims = {}, pair = rsaKeyPair("alice")) {
      jtis++;
      const all = { ...exampleClientClaims("api-1-demo", `jti ${jtis}`), aud: publicUrl, ...claims };
      return buildAssertion(pair.privateKey, { claims: all });
    },
    metrics: () => metrics.text(),
    async close() {
      streams.close();
      await server.drain(100);
      await app.close();
      await registry.close();
    },
  };
}
