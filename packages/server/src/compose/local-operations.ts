import {
  cursorOf,
  type Operate,
  type OperationAnswer,
  type OperationId,
  type OperationInput,
} from "../cli/operations.ts";
import type { Config } from "../config/config.ts";
import { internalListenerUrl } from "../config/listener-urls.ts";
import { findUnnamedProxy } from "../config/unnamed-proxy.ts";
import type { AdmitKey } from "../core/keys/admit-key.ts";
import type { Commit } from "../core/change/commit.ts";
import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import type { KeyProofs } from "../core/key-statements/key-proofs.ts";
import type { Store } from "../core/store/store.ts";
import { createAccountHandlers } from "../http/admin/accounts/handlers.ts";
import { createKeyHandlers } from "../http/admin/keys/handlers.ts";
import { createResourceServerHandlers } from "../http/admin/resource-servers/handlers.ts";
import { createOrigins } from "../http/admin/http/origins.ts";
import { createOperatorHandlers } from "../http/admin/operators/handlers.ts";
import { createAuditHandlers } from "../http/admin/audit/handlers.ts";
import { createUsageHandlers } from "../http/admin/usage/handlers.ts";
import { createUserHandlers } from "../http/admin/users/handlers.ts";
import type { Surroundings } from "./surroundings.ts";

export interface LocalOperationsDependencies {
  readonly config: Config;
  readonly store: Store;
  readonly commit: Commit;
  readonly surroundings: Surroundings;
  readonly admitKey: AdmitKey;
}

type Handler = (request: object) => Promise<Partial<OperationAnswer<unknown>> & { readonly next?: string | null }>;

/**
 * Operations on an open store, by the handlers of the admin API and without a web server.
 *
 * @param actor the author in the audit log, with an owner's powers: whoever can open the store can do anything to it
 */
export function createLocalOperations(dependencies: LocalOperationsDependencies, actor: string): Operate {
  const { config, store, commit, surroundings, admitKey } = dependencies;
  const shared = { store, clock: surroundings.clock, commit, unnamedProxy: findUnnamedProxy(config) };
  const handlers = {
    ...createAccountHandlers(shared),
    ...createUserHandlers(shared),
    // The operations of commands don't include those that need proofs.
    ...createKeyHandlers({ ...shared, admitKey, keyProofs: undefined as unknown as KeyProofs }),
    ...createResourceServerHandlers({ ...shared, random: surroundings.random }),
    ...createUsageHandlers(shared),
    ...createAuditHandlers({ store, yieldToEventLoop: () => Promise.resolve() }),
    ...createOperatorHandlers({
      store,
      clock: surroundings.clock,
      random: surroundings.random,
      commitWithoutView: commit,
      origins: createOrigins(config.adminUrl, internalListenerUrl(config)),
    }),
  } as unknown as Readonly<Record<OperationId, Handler>>;
  const principal = unrestrictedAuthor(actor);
  const operate = async (id: OperationId, input: OperationInput): Promise<OperationAnswer<unknown>> => {
    const { params = {}, query = {}, body } = input;
    const answer = await handlers[id]({ principal, params, query, body, target: "", preconditions: {} });
    return { data: answer.data, warnings: answer.warnings ?? [], nextCursor: cursorOf(answer.next) };
  };
  return operate as Operate;
}
