import { createChallenges } from "../core/operators/challenges.ts";
import { createLinks } from "../core/operators/links.ts";
import { createOwnChanges } from "../core/operators/own-changes.ts";
import { createPasswordHasher } from "../core/operators/password-hash.ts";
import { createSignIn } from "../core/operators/sign-in.ts";
import { createSignInLimit } from "../core/operators/sign-in-limit.ts";
import { createSingleSignOn, type IdentityProvider, type RoleMapping } from "../core/operators/single-sign-on.ts";
import type { Origins } from "../http/admin/http/origins.ts";
import { createOwnHandlers } from "../http/admin/me/handlers.ts";
import { createOperatorHandlers } from "../http/admin/operators/handlers.ts";
import { createSignInHandlers, type RefusedSignIn } from "../http/admin/sign-in/handlers.ts";
import { createSingleSignOnHandlers } from "../http/admin/single-sign-on/handlers.ts";
import { createPasskeyCeremonies } from "../platform/passkey-ceremonies.ts";
import type { Node } from "./node.ts";

/** The OpenID provider that operators sign in through, and what their groups there allow. */
export interface SingleSignOnSettings {
  readonly provider: IdentityProvider;
  readonly roles: readonly RoleMapping[];
}

/** How operators sign in, and what they change of themselves and of each other. */
export function composeOperatorHandlers(node: Node, origins: Origins, singleSignOnSettings?: SingleSignOnSettings) {
  const { store, clock, random, masterSecrets, refusalLimit, publicUrl, version, log } = node;
  const challenges = createChallenges(masterSecrets, clock, random);
  const signInDependencies = {
    store,
    clock,
    random,
    challenges,
    ceremonies: createPasskeyCeremonies(),
    hasher: createPasswordHasher(random),
    limit: createSignInLimit(store, clock, (email) => challenges.attemptName(email)),
    refused: node.refusedSignIns,
  };
  const shared = {
    ...signInDependencies,
    origins,
    refusalLimit,
    service: { publicUrl, version },
    onRefused({ requestId, clientAddress, code, reason }: RefusedSignIn) {
      log.info({ request_id: requestId, client: clientAddress, code, reason }, "sign-in refused");
    },
    onDefect(requestId: string, error: unknown) {
      log.error({ request_id: requestId, err: error }, "request failed");
    },
  };
  const singleSignOn =
    singleSignOnSettings &&
    createSingleSignOn(signInDependencies, singleSignOnSettings.provider, singleSignOnSettings.roles);
  return {
    ...createSignInHandlers({
      ...shared,
      signIn: createSignIn(signInDependencies),
      links: createLinks(signInDependencies),
      singleSignOn: singleSignOn === undefined ? null : namedProvider(singleSignOn.issuer),
    }),
    ...createSingleSignOnHandlers({ ...shared, singleSignOn }),
    ...createOwnHandlers({ ...shared, ownChanges: createOwnChanges(signInDependencies) }),
    ...createOperatorHandlers(shared),
  };
}

function namedProvider(issuer: string) {
  return { issuer, name: new URL(issuer).hostname };
}
