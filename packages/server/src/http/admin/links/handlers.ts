/** One-time links, as their holders use them. Their rules are in core/operators/links.ts. */
import { invitationJson } from "../../../core/json/operators.ts";
import type { Links } from "../../../core/operators/links.ts";
import type { HandlersOf } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { findPasskeyPlace, requirePasskeyPlace } from "../http/passkey-place.ts";
import { setSessionCookie } from "../http/session-cookie.ts";
import { guardSignIn, type SignInGuard, signInPlace } from "../sign-in/guard-sign-in.ts";
import type { linkRoutes } from "./routes.ts";

export interface LinkHandlerDependencies extends SignInGuard {
  readonly links: Links;
  readonly origins: Origins;
}

export function createLinkHandlers(dependencies: LinkHandlerDependencies): HandlersOf<typeof linkRoutes> {
  const { links, origins } = dependencies;

  return {
    lookAtLink: (request) =>
      guardSignIn(dependencies, request, async () => {
        const { kind, email, role, account, expires_at } = invitationJson(await links.look(request.body.token));
        return { data: { kind, email, role, account, expires_at } };
      }),

    startLinkPasskey: (request) =>
      guardSignIn(dependencies, request, async () => {
        const { token, email } = request.body;
        const { relyingParty } = requirePasskeyPlace(origins, request);
        return { data: { options: await links.passkeyOptions(token, email, relyingParty) } };
      }),

    useLink: (request) =>
      guardSignIn(dependencies, request, async () => {
        const { token, ...answer } = request.body;
        const place = findPasskeyPlace(origins, request);
        const { secret, recoveryCodes } = await links.use(token, answer, place, signInPlace(request, origins));
        setSessionCookie(request.reply, { origins, host: request.host }, secret);
        return { data: { recovery_codes: recoveryCodes } };
      }),
  };
}
