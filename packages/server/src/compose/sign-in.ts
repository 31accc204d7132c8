import { createChallenges } from "../core/operators/challenges.ts";
import { createDeviceSignIns } from "../core/operators/device-sign-ins.ts";
import { createLinks } from "../core/operators/links.ts";
import { createOwnCredentials } from "../core/operators/own-credentials.ts";
import { createPasswordHasher } from "../core/operators/password-hash.ts";
import { createSignIn } from "../core/operators/sign-in.ts";
import { createSignInLimit } from "../core/operators/sign-in-limit.ts";
import { createSingleSignOn, type IdentityProvider, type RoleMapping } from "../core/operators/single-sign-on.ts";
import { createPasskeyCeremonies } from "../platform/passkey-ceremonies.ts";
import type { Node } from "./node.ts";
import { networkOf } from "../http/server/ip-address.ts";

/** The OpenID provider that operators sign in through, and what their groups there allow. */
export interface SingleSignOnSettings {
  readonly provider: IdentityProvider;
  readonly roles: readonly RoleMapping[];
}

/** How operators sign in, and set their credentials: with one limit of attempts and one set of challenges. */
export function composeSignIn(node: Node, singleSignOn: SingleSignOnSettings | undefined) {
  const { store, clock, random } = node;
  const challenges = createChallenges(node.masterSecrets, clock, random);
  const dependencies = {
    store,
    clock,
    random,
    commit: node.commitWithoutView,
    challenges,
    ceremonies: createPasskeyCeremonies(),
    hasher: createPasswordHasher(random),
    limit: createSignInLimit(store, clock, (email) => challenges.attemptName(email)),
    refused: node.refusedSignIns,
  };
  const nameOf = (name: string) => challenges.attemptName(name);
  return {
    deviceSignIns: createDeviceSignIns({
      ...dependencies,
      networkOf,
      limit: createSignInLimit(store, clock, nameOf, {
        message: "You typed too many codes under which no command line waits.",
        hint: "Wait for the time in Retry-After.",
      }),
    }),
    signIn: createSignIn(dependencies),
    links: createLinks(dependencies),
    ownCredentials: createOwnCredentials(dependencies),
    singleSignOn: singleSignOn && createSingleSignOn(dependencies, singleSignOn.provider, singleSignOn.roles),
  };
}
