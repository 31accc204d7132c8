import type { Config } from "../config/config.ts";
import { findUnnamedProxy } from "../config/unnamed-proxy.ts";
import { endpointAudiences } from "../core/assertion/audiences.ts";
import { type CheckToken, createCheckToken } from "../core/check.ts";
import { type ClockWatch, createClockWatch } from "../core/clock/clock-watch.ts";
import { type AdmitKey, type AdmitKeys, createKeyGate } from "../core/keys/admit-key.ts";
import { createRefusalCounts, type RefusalCounts } from "../core/refusal-counts.ts";
import { createUserRefusals, type UserRefusals } from "../core/user-refusals.ts";
import { createKeyProofs, type KeyProofs } from "../core/key-statements/key-proofs.ts";
import { createKeyCounts } from "../core/keys/key-counts.ts";
import { createKeyUsage, type KeyUsage } from "../core/keys/usage.ts";
import { createLastSeen, type LastSeen } from "../core/operators/last-seen.ts";
import { createRefusedSignIns, type RefusedSignIns } from "../core/operators/refused-sign-ins.ts";
import { createDeliver, type Deliver } from "../core/webhooks/deliver.ts";
import type { WebhookSender } from "../core/webhooks/send.ts";
import { createSigningKeyFigures } from "../core/signing-keys/signing-key-figures.ts";
import type { Tracer } from "../core/tracer.ts";
import type { LatestSigningKeys } from "../core/token/verify-token.ts";
import type { AppDependencies } from "../http/app.ts";
import { createClientAddress } from "../http/server/client-address.ts";
import { createClientSource } from "../http/server/client-source.ts";
import type { ListenerConnections } from "../http/server/metric-sources.ts";
import { createMetrics, type GatherFigures } from "../http/server/metrics.ts";
import { createRefusalLimit, KEY_CHALLENGES, type RefusalLimit } from "../http/server/refusal-limit.ts";
import { createTrustedProxies, type TrustedProxies } from "../http/server/trusted-proxies.ts";
import { createKeyExaminerThread, type KeyExaminerThread } from "../platform/key-examiner-thread.ts";
import type { Logger } from "../platform/logger.ts";
import { createWebhookSender } from "../platform/webhook-sender.ts";
import type { OpenedRegistry } from "./open-registry.ts";
import { createReadiness } from "./readiness.ts";
import { type Surroundings, VERSION } from "./surroundings.ts";
import { traceCheck, traceDeliveries, traceSender } from "./tracing.ts";

/** What a node is made from. */
export interface NodeOptions<SigningKeys extends LatestSigningKeys = LatestSigningKeys> {
  readonly config: Config;
  readonly log: Logger;
  readonly surroundings: Surroundings;
  readonly registry: OpenedRegistry<SigningKeys>;
  readonly nextRequestId: () => string;
  /** How clients reach the public listener. */
  readonly publicUrl: string;
  /** How many change streams are open. */
  readonly streamCount: () => number;
  readonly connections?: ListenerConnections;
  /** Where several processes serve: the metrics of all. */
  readonly gather?: GatherFigures | undefined;
  /** `undefined` where nothing is traced. */
  readonly tracer?: Tracer | undefined;
}

/** The parts of a node that both listeners and the background work share. */
export interface Node<SigningKeys extends LatestSigningKeys = LatestSigningKeys>
  extends AppDependencies,
    Surroundings,
    OpenedRegistry<SigningKeys> {
  readonly config: Config;
  /** See {@link NodeOptions.connections}. */
  readonly connections: ListenerConnections | undefined;
  readonly audiences: ReturnType<typeof endpointAudiences>;
  readonly checkToken: CheckToken;
  readonly keyProofs: KeyProofs;
  readonly refusalLimit: RefusalLimit;
  readonly trustedProxies: TrustedProxies;
  /** See {@link findUnnamedProxy}. */
  readonly unnamedProxy: string | undefined;
  readonly keyChallengeLimit: RefusalLimit;
  readonly clockWatch: ClockWatch;
  readonly admitKey: AdmitKey;
  readonly admitKeys: AdmitKeys;
  /** Closed after the last request. */
  readonly keyExaminer: KeyExaminerThread;
  readonly keyUsage: KeyUsage;
  readonly refusalCounts: RefusalCounts;
  readonly userRefusals: UserRefusals;
  readonly lastSeen: LastSeen;
  readonly refusedSignIns: RefusedSignIns;
  readonly webhookSender: WebhookSender;
  readonly deliverWebhook: Deliver;
  readonly tracer: Tracer | undefined;
  /** From now on the node isn't ready. */
  announceStop(): void;
}

export function composeNode<SigningKeys extends LatestSigningKeys>(
  options: NodeOptions<SigningKeys>,
): Node<SigningKeys> {
  const { config, log, surroundings, registry, nextRequestId, publicUrl, tracer } = options;
  const { store, view, signingKeys, masterSecrets } = registry;
  const { clock } = surroundings;
  const unnamedProxy = findUnnamedProxy(config);
  const trustedProxies = createTrustedProxies(config.trustedProxies, config.tlsClientCaFile !== undefined);
  const clientAddress = createClientAddress(trustedProxies);
  const clockWatch = createClockWatch(store, clock);
  const keyExaminer = createKeyExaminerThread(config.keyBlocklist, (problem) => {
    log.error({ err: problem }, "keys can't be examined; none is added until they can");
  });
  const webhookSender = traceSender(tracer, createWebhookSender({ networks: config.webhookNetworks }));
  let isStopping = false;
  const refusalCounts = createRefusalCounts(store.usage, clock);
  const readiness = createReadiness({ store, feed: view.feed, clockWatch, isStopping: () => isStopping });
  const { connections } = options;
  const metrics = createMetrics(view, {
    streamCount: options.streamCount,
    gather: options.gather,
    ...(connections && { connections }),
    isWritable: () => store.writeProblem() === undefined,
    clock: clockWatch,
    countWeakKeys: () => store.keyAudit.countWeak(),
    keyCounts: createKeyCounts(store.keys, clock),
    signingKeys: createSigningKeyFigures(store.signingKeys, clock),
    readiness,
    build: { version: VERSION, store: store.engine },
  });
  return {
    ...surroundings,
    ...registry,
    config,
    connections,
    version: VERSION,
    publicUrl,
    nextRequestId,
    clientAddress,
    clientSource: createClientSource(trustedProxies, clientAddress, unnamedProxy !== undefined),
    trustedProxies,
    unnamedProxy,
    log,
    metrics: {
      ...metrics,
      refused(route, code) {
        metrics.refused(route, code);
        // The rest are requests of no client: a browser's, or a scanner's.
        if (route !== "other") refusalCounts.record(code);
      },
    },
    refusalCounts,
    userRefusals: createUserRefusals(store, clock),
    readiness,
    audiences: endpointAudiences(publicUrl),
    checkToken: traceCheck(tracer, createCheckToken({ view, signingKeys, clock })),
    keyProofs: createKeyProofs({ ...surroundings, policy: config.keyProof, masterSecrets, publicUrls: [publicUrl] }),
    refusalLimit: createRefusalLimit(config.refusalLimit, clock),
    keyChallengeLimit: createRefusalLimit(config.refusalLimit, clock, KEY_CHALLENGES),
    clockWatch,
    ...createKeyGate(keyExaminer, store),
    keyExaminer,
    keyUsage: createKeyUsage(store.usage),
    lastSeen: createLastSeen(store),
    refusedSignIns: createRefusedSignIns(registry.commitWithoutView),
    webhookSender,
    deliverWebhook: traceDeliveries(
      tracer,
      createDeliver({ sender: webhookSender, masterSecrets: registry.masterSecrets, clock }),
    ),
    tracer,
    announceStop() {
      isStopping = true;
    },
  };
}
