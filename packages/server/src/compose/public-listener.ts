import { setTimeout } from "node:timers/promises";
import { createFindSigner } from "../core/assertion/find-signer.ts";
import { createProbes } from "../core/doctor/probe.ts";
import { createExchange } from "../core/exchange.ts";
import { createIssueToken } from "../core/issue-token.ts";
import { createAssertionLedger } from "../core/oauth/assertion-ledger.ts";
import { createAuthenticateClient } from "../core/oauth/authenticate-client.ts";
import { createGrantClientCredentials } from "../core/oauth/client-credentials.ts";
import { createRevokeToken } from "../core/oauth/revoke-token.ts";
import { createBeginRotation } from "../core/rotation/rotate-key.ts";
import { createRevokeKey } from "../core/revocation/revoke-key.ts";
import { createAuthenticateResourceServer } from "../core/resource-servers/authenticate.ts";
import { recordingRefusals } from "../core/user-refusals.ts";
import { type App, buildPublicApp } from "../http/app.ts";
import { type ChangeStreams, createChangeStreams } from "../http/public/changes/change-streams.ts";
import type { Pause } from "../http/public/delay-rejection.ts";
import { createIsReading } from "../http/public/is-reading.ts";
import { createRequireGateway } from "../http/public/require-gateway.ts";
import { createRefusalLimit, REVOCATIONS } from "../http/server/refusal-limit.ts";
import { createLimitedAuthentication } from "../http/public/authenticate-resource-server.ts";
import { networkOf } from "../http/server/ip-address.ts";
import { createRequestTracing } from "../http/server/request-tracing.ts";
import type { Node } from "./node.ts";
import { traceExchange } from "./tracing.ts";

/** How many revocation statements one client may send within a minute: enough to revoke a fleet's keys, too few to burden a node. */
const REVOCATIONS_PER_MINUTE = 60;

/** What tests set differently from the product. */
export interface PublicListenerOptions {
  /** Waits before a rejection is sent. */
  readonly pause?: Pause;
  /** Waits for a stream's reader to take its end. */
  readonly streamEndPause?: Pause;
  readonly streamsMax?: number;
}

export interface PublicListener {
  readonly app: App;
  readonly changeStreams: ChangeStreams;
}

/** What answers clients, gateways and resource servers. */
export async function composePublicListener(
  { tracer, ...parts }: Node,
  options: PublicListenerOptions = {},
): Promise<PublicListener> {
  const node = {
    ...parts,
    tracing: tracer && createRequestTracing(tracer, "public", parts.trustedProxies),
  };
  const { log, clock, store, view, signingKeys, audiences, refusalLimit, checkToken } = node;
  const { pause = pauseUnreferenced, streamEndPause = pauseUnreferenced } = options;
  const issue = createIssueToken(signingKeys, node.random, (keyId, atMs, expiresAtSeconds) => {
    node.keyUsage.record(keyId, atMs, expiresAtSeconds);
  });
  const exchange = traceExchange(tracer, { view, issueToken: issue });
  const { issueToken } = exchange;
  const findSigner = createFindSigner(exchange.view, networkOf, exchange.signerSteps);
  const recordRefusal = recordingRefusals(node.userRefusals);
  const ledger = createAssertionLedger(store.assertions, clock);
  const authenticateFor = (audience: "token" | "revocation") =>
    createAuthenticateClient(findSigner, clock, audiences[audience], ledger, recordRefusal);
  const authenticateResourceServer = createLimitedAuthentication(
    createAuthenticateResourceServer(view, clock),
    refusalLimit,
    clock,
  );
  const changeStreams = createChangeStreams(
    { feed: view.feed, authenticateResourceServer, limit: refusalLimit, clock, pause: streamEndPause },
    node,
    options.streamsMax,
  );
  const app = await buildPublicApp({
    ...node,
    exchange: createExchange({
      findSigner,
      clock,
      audiences: audiences.exchange,
      issueToken,
      runSteps: exchange.runSteps,
      recordRefusal,
    }),
    checkToken,
    grantClientCredentials: createGrantClientCredentials(authenticateFor("token"), issueToken),
    revokeToken: createRevokeToken({
      authenticateClient: authenticateFor("revocation"),
      signingKeys,
      store,
      clock,
      onChanged: node.onChanged,
    }),
    beginRotation: createBeginRotation({
      findSigner,
      clock,
      audiences: audiences.rotation,
      keyProofs: node.keyProofs,
      admitKey: node.admitKey,
      store,
      commit: node.commit,
    }),
    listKeys: (userId) => store.keys.list(userId),
    wallMs: () => clock.wallMs(),
    revokeKey: createRevokeKey({
      store,
      commit: node.commit,
      clock,
      onChanged: node.onChanged,
      clientOf: networkOf,
    }),
    revocationLimit: createRefusalLimit(REVOCATIONS_PER_MINUTE, clock, REVOCATIONS),
    authenticateResourceServer,
    feedPosition: () => view.feed.position(),
    changesEndpoint: changeStreams.endpoint,
    refusalLimit,
    requireGateway:
      node.config.tlsClientCaFile === undefined
        ? undefined
        : createRequireGateway((problem) => {
            log.warn(
              { problem },
              "a token check was refused: the caller has no client certificate that the authorities in COUNTERSIGN_TLS_CLIENT_CA_FILE vouch for",
            );
          }),
    probe: {
      probes: createProbes(node.masterSecrets, clock, node.random),
      self: { storeId: await store.storeId(), version: node.version, runtime: process.version },
      trustedProxies: node.trustedProxies,
      mayRead: createIsReading(node.trustedProxies),
    },
    isReading: createIsReading(node.trustedProxies, () => {
      log.warn(
        "X-Forwarded-Method or X-Original-Method came from an address that isn't in COUNTERSIGN_TRUSTED_PROXIES: it can refuse a read-only user, but never let one through; if your gateway has that address, add it",
      );
    }),
    pause,
  });
  return { app, changeStreams };
}

/** Keeps no process alive. */
function pauseUnreferenced(milliseconds: number): Promise<void> {
  return setTimeout(milliseconds, undefined, { ref: false });
}
