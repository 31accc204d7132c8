/** Sign-in by password, passkey and recovery code. Its rules are in core/operators. */
import type { Principal } from "../../../core/operators/model.ts";
import { operatorActor, type SignedIn } from "../../../core/operators/sessions.ts";
import type { SignIn } from "../../../core/operators/sign-in.ts";
import type { SingleSignOn } from "../../../core/operators/single-sign-on.ts";
import type { Store } from "../../../core/store/store.ts";
import type { AdminRequest, HandlersOf } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { requirePasskeyPlace } from "../http/passkey-place.ts";
import { setSessionCookie } from "../http/session-cookie.ts";
import { type ServiceFacts, shownMe } from "../me/shown-me.ts";
import { guardSignIn, type SignInGuard, signInPlace } from "./guard-sign-in.ts";
import type { signInRoutes } from "./routes.ts";

export interface SignInHandlerDependencies extends SignInGuard {
  readonly store: Store;
  readonly signIn: SignIn;
  readonly origins: Origins;
  readonly service: ServiceFacts;
  /** `undefined` without an identity provider. */
  readonly singleSignOn: Pick<SingleSignOn, "issuer"> | undefined;
}

export function createSignInHandlers(dependencies: SignInHandlerDependencies): HandlersOf<typeof signInRoutes> {
  const { store, signIn, origins, service, singleSignOn } = dependencies;

  /** Sets the session's cookie, and answers an operator who has just signed in. */
  async function signedIn({ reply, host }: AdminRequest, { operator, session, secret }: SignedIn) {
    setSessionCookie(reply, { origins, host }, secret);
    const { role, account, accountId } = operator;
    const principal: Principal = {
      kind: "operator",
      actor: operatorActor(operator),
      role,
      account,
      accountId,
      operator,
      session,
      isFresh: true,
    };
    return { data: await shownMe(store, service, principal) };
  }

  return {
    async getSignInOptions({ origin, host }) {
      // A browser sends no Origin with a GET; behind a proxy that changes Host, the configured address counts.
      const reached = origin ?? `${origins.isSecure ? "https" : "http"}://${host}`;
      const page = origins.isAllowed(reached) ? reached : new URL(origins.consoleUrl).origin;
      return {
        data: {
          setup_needed: (await store.operators.count()) === 0,
          passkeys: origins.relyingPartyId(page) !== undefined,
          single_sign_on:
            singleSignOn === undefined
              ? null
              : { issuer: singleSignOn.issuer, name: new URL(singleSignOn.issuer).hostname },
        },
      };
    },

    signInByPassword: (request) =>
      guardSignIn(dependencies, request, async () =>
        signedIn(request, await signIn.byPassword(request.body, signInPlace(request, origins))),
      ),

    startPasskeySignIn: (request) =>
      guardSignIn(dependencies, request, async () => {
        const { relyingParty } = requirePasskeyPlace(origins, request);
        return { data: { options: await signIn.passkeyOptions(relyingParty) } };
      }),

    signInByPasskey: (request) =>
      guardSignIn(dependencies, request, async () => {
        const place = requirePasskeyPlace(origins, request);
        return signedIn(request, await signIn.byPasskey(request.body.response, place, signInPlace(request, origins)));
      }),

    signInByRecoveryCode: (request) =>
      guardSignIn(dependencies, request, async () =>
        signedIn(request, await signIn.byRecoveryCode(request.body, signInPlace(request, origins))),
      ),
  };
}
