import {
  cursorOf,
  type Operate,
  type OperationAnswer,
  type OperationId,
  type OperationInput,
} from "../cli/operations.ts";
import type { CliAdministration } from "../cli/context.ts";
import type { Config } from "../config/config.ts";
import { internalListenerUrl, publicListenerUrl } from "../config/listener-urls.ts";
import { findUnnamedProxy } from "../config/unnamed-proxy.ts";
import { endpointAudiences } from "../core/assertion/audiences.ts";
import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import { acceptWithoutProof, type KeyProofs } from "../core/key-statements/key-proofs.ts";
import { createOrigins } from "../http/admin/http/origins.ts";
import { OPERATION_FOLDERS } from "./operation-folders.ts";
import type { Surroundings } from "./surroundings.ts";

export interface LocalOperationsDependencies
  extends Pick<
    CliAdministration,
    | "store"
    | "commit"
    | "admitKey"
    | "newestMasterSecret"
    | "openCheck"
    | "openKeyProofs"
    | "openView"
    | "openWebhookSender"
    | "openWebhooks"
  > {
  readonly config: Config;
  readonly surroundings: Surroundings;
}

type Handler = (request: object) => Promise<Partial<OperationAnswer<unknown>> & { readonly next?: string | null }>;

type Handlers = Readonly<Record<string, Handler>>;

/**
 * Operations on an open store, by the handlers of the admin API and without a web server. A resource's handlers, and what they need, are
 * loaded when a command uses them.
 *
 * @param actor the author in the audit log, with an owner's powers: whoever can open the store can do anything to it
 */
export function createLocalOperations(dependencies: LocalOperationsDependencies, actor: string): Operate {
  const load = loaders(dependencies);
  const principal = unrestrictedAuthor(actor);
  const loaded = new Map<() => Promise<object>, Promise<object>>();
  const operate = async (id: OperationId, input: OperationInput): Promise<OperationAnswer<unknown>> => {
    const name = input.isForThisProcess === true ? "ownKeyChallenges" : (SPECIAL_GROUPS[id] ?? OPERATION_FOLDERS[id]);
    const loader = load[name];
    const group = loaded.get(loader) ?? loader();
    loaded.set(loader, group);
    const handler = ((await group) as Handlers)[id];
    if (handler === undefined) throw new Error(`the handlers of ${name} lack ${id}`);
    const { params = {}, query = {}, body } = input;
    const answer = await handler({ principal, params, query, body, target: "", preconditions: {} });
    return { data: answer.data, warnings: answer.warnings ?? [], nextCursor: cursorOf(answer.next) };
  };
  return operate as Operate;
}

type Group = keyof ReturnType<typeof loaders>;

/** Operations whose handlers need more than those of their folder. */
const SPECIAL_GROUPS: Partial<Readonly<Record<OperationId, Group>>> = {
  createKeyChallenge: "keyChallenges",
  rotateSigningKey: "signingKeysWithSecret",
  createWebhook: "webhooksWithSecret",
  rotateWebhookSecret: "webhooksWithSecret",
};

/** How each resource's handlers are made. Those that need a master secret read it only when an operation of theirs is used. */
function loaders({ config, store, commit, admitKey, surroundings, ...administration }: LocalOperationsDependencies) {
  const { clock, random } = surroundings;
  const shared = { store, clock, random, commit, commitWithoutView: commit, unnamedProxy: findUnnamedProxy(config) };
  // For operations that derive nothing from a master secret. A secret derived from this one would be accepted nowhere.
  const unused = random.bytes(32);
  let ownProofs: KeyProofs | undefined;
  const keys = async (keyProofs: KeyProofs) => {
    const { createKeyHandlers } = await import("../http/admin/keys/handlers.ts");
    return createKeyHandlers({ ...shared, admitKey, keyProofs });
  };
  const signingKeys = async (newestMasterSecret: Buffer) => {
    const { createSigningKeyHandlers } = await import("../http/admin/signing-keys/handlers.ts");
    return createSigningKeyHandlers({ ...shared, newestMasterSecret });
  };
  const webhooks = async (newestMasterSecret: Buffer) => {
    const { createWebhookHandlers } = await import("../http/admin/webhooks/handlers.ts");
    return createWebhookHandlers({
      ...shared,
      newestMasterSecret,
      webhookSender: { findUrlProblem: async (url) => (await administration.openWebhookSender()).findUrlProblem(url) },
      deliverWebhook: async (...delivery) => (await administration.openWebhooks()).deliver(...delivery),
    });
  };
  return {
    accounts: async () => (await import("../http/admin/accounts/handlers.ts")).createAccountHandlers(shared),
    users: async () => (await import("../http/admin/users/handlers.ts")).createUserHandlers(shared),
    keys: () => keys(proofsWhenNeeded(config, () => ownProofs ?? administration.openKeyProofs())),
    async ownKeyChallenges() {
      const { createOwnKeyProofs } = await import("../core/key-statements/own-key-proofs.ts");
      ownProofs = createOwnKeyProofs(clock, random);
      return keys(ownProofs);
    },
    keyChallenges: async () => keys(await administration.openKeyProofs()),
    resourceServers: async () =>
      (await import("../http/admin/resource-servers/handlers.ts")).createResourceServerHandlers(shared),
    operators: async () =>
      (await import("../http/admin/operators/handlers.ts")).createOperatorHandlers({
        ...shared,
        origins: createOrigins(config.adminUrl, internalListenerUrl(config)),
      }),
    usage: async () => (await import("../http/admin/usage/handlers.ts")).createUsageHandlers(shared),
    async explain() {
      const { createExplainHandlers } = await import("../http/admin/explain/handlers.ts");
      return createExplainHandlers({
        ...shared,
        view: await administration.openView(),
        audiences: endpointAudiences(config.publicUrl ?? publicListenerUrl(config)).exchange,
        signingKeys: NO_SIGNING_KEYS,
        // Opened only for a token: it needs the master secret.
        checkToken: async (token) => (await administration.openCheck())(token),
      });
    },
    async audit() {
      const { createAuditHandlers } = await import("../http/admin/audit/handlers.ts");
      return createAuditHandlers({ ...shared, yieldToEventLoop: () => Promise.resolve() });
    },
    signingKeys: () => signingKeys(unused),
    signingKeysWithSecret: async () => signingKeys(await administration.newestMasterSecret()),
    adminTokens: async () => (await import("../http/admin/admin-tokens/handlers.ts")).createAdminTokenHandlers(shared),
    webhooks: () => webhooks(unused),
    webhooksWithSecret: async () => webhooks(await administration.newestMasterSecret()),
    imports: (): Promise<object> => Promise.reject(new Error("user import works on a store by itself")),
    registry: (): Promise<object> => Promise.reject(new Error("apply works on a store by itself")),
    doctor: (): Promise<object> => Promise.reject(new Error("doctor examines a store from outside")),
  };
}

/** Asked only for a caller who is limited to an account. */
const NO_SIGNING_KEYS = { currentNumber: 0, mac: () => undefined };

/** Without a proof, the master secret isn't needed. */
function proofsWhenNeeded(config: Config, openKeyProofs: () => KeyProofs | Promise<KeyProofs>): KeyProofs {
  const notHere = () => {
    throw new Error("challenges have handlers of their own");
  };
  const verify: KeyProofs["verify"] = async (proof) => (await openKeyProofs()).verify(proof);
  return {
    audience: "",
    makeChallenge: notHere,
    signingInput: notHere,
    verify,
    check: async ({ text, ...proof }) =>
      text === undefined ? acceptWithoutProof(config.keyProof) : verify({ ...proof, text }),
  };
}
