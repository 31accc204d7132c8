import { createChallenges } from "../../core/operators/challenges.ts";
import { createLinks } from "../../core/operators/links.ts";
import { createOwnChanges } from "../../core/operators/own-changes.ts";
import type { PasskeyCeremonies } from "../../core/operators/passkeys.ts";
import { createPasswordHasher } from "../../core/operators/password-hash.ts";
import type { RefusedSignIns } from "../../core/operators/refused-sign-ins.ts";
import { createSignIn } from "../../core/operators/sign-in.ts";
import { createSignInLimit } from "../../core/operators/sign-in-limit.ts";
import { createSingleSignOn, type IdentityProvider, type RoleMapping } from "../../core/operators/single-sign-on.ts";
import type { RegistryStore } from "../../core/store/store.ts";
import type { Clock, Random } from "../../core/surroundings.ts";
import type { Logger } from "../../platform/logger.ts";
import type { RefusalLimit } from "../server/refusal-limit.ts";
import { createOperatorHandlers } from "./operators/handlers.ts";
import type { Origins } from "./http/origins.ts";
import { createOwnHandlers } from "./me/handlers.ts";
import { createSignInHandlers, type ServiceFacts } from "./sign-in/handlers.ts";
import { createSingleSignOnHandlers } from "./single-sign-on/handlers.ts";

export interface OperatorAdministrationDependencies {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly random: Random;
  /** The newest first. */
  readonly masterSecrets: readonly [Buffer, ...Buffer[]];
  readonly ceremonies: PasskeyCeremonies;
  readonly origins: Origins;
  readonly refusalLimit: RefusalLimit;
  readonly service: ServiceFacts;
  readonly log: Logger;
  readonly refused: Pick<RefusedSignIns, "note">;
  /** `undefined` where operators sign in here alone. */
  readonly singleSignOn: { readonly provider: IdentityProvider; readonly roles: readonly RoleMapping[] } | undefined;
}

/** Everything about operators: how they come in, what they change of themselves and of each other. */
export function createOperatorAdministration(dependencies: OperatorAdministrationDependencies) {
  const { clock, random, masterSecrets, singleSignOn: configured, log } = dependencies;
  const challenges = createChallenges(masterSecrets, clock, random);
  const parts = {
    ...dependencies,
    hasher: createPasswordHasher(random),
    limit: createSignInLimit(dependencies.store, clock, (email) => challenges.attemptName(email)),
    challenges,
  };
  const shared = {
    ...dependencies,
    onRefused({ requestId, clientAddress, code, reason }: Parameters<SignInRefused>[0]) {
      log.info({ request_id: requestId, client: clientAddress, code, reason }, "sign-in refused");
    },
    onDefect(requestId: string, error: unknown) {
      log.error({ request_id: requestId, err: error }, "request failed");
    },
  };
  const singleSignOn = configured && createSingleSignOn(parts, configured.provider, configured.roles);
  return {
    ...createSignInHandlers({
      ...shared,
      signIn: createSignIn(parts),
      links: createLinks(parts),
      singleSignOn: singleSignOn === undefined ? null : namedProvider(singleSignOn.issuer),
    }),
    ...createSingleSignOnHandlers({ ...shared, singleSignOn }),
    ...createOwnHandlers({ ...dependencies, ownChanges: createOwnChanges(parts) }),
    ...createOperatorHandlers(dependencies),
  };
}

type SignInRefused = Parameters<typeof createSignInHandlers>[0]["onRefused"];

function namedProvider(issuer: string) {
  return { issuer, name: new URL(issuer).hostname };
}
