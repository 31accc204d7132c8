/** The caller, and what operators change about themselves. */
import { passkeyJson } from "../../../core/json/operators.ts";
import type { PasskeyId, SessionId } from "../../../core/operators/model.ts";
import type { OwnChanges } from "../../../core/operators/own-changes.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { type HandlersOf, wholeList } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { requirePasskeyPlace } from "../http/passkey-place.ts";
import { clearSessionCookie } from "../http/session-cookie.ts";
import { listLiveSessions } from "./live-sessions.ts";
import type { ownRoutes } from "./routes.ts";
import { type ServiceFacts, shownMe } from "./shown-me.ts";

export interface OwnHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly ownChanges: OwnChanges;
  readonly origins: Origins;
  readonly service: ServiceFacts;
}

const NOTHING = { data: {} } as const;

export function createOwnHandlers(dependencies: OwnHandlerDependencies): HandlersOf<typeof ownRoutes> {
  const { store, clock, ownChanges, origins, service } = dependencies;

  return {
    getMe: async ({ principal }) => ({ data: await shownMe(store, service, principal) }),

    async signOut({ principal, reply, host }) {
      await ownChanges.endSession(principal, principal.session.id);
      clearSessionCookie(reply, { origins, host });
      return NOTHING;
    },

    async changePassword({ principal, body }) {
      const { current_password: currentPassword, new_password: newPassword } = body;
      await ownChanges.changePassword(principal, { currentPassword, newPassword });
      return NOTHING;
    },

    async listMyPasskeys({ principal }) {
      return wholeList((await store.passkeys.list(principal.operator.id)).map(passkeyJson));
    },

    async startPasskey(request) {
      const { relyingParty } = requirePasskeyPlace(origins, request);
      return { data: { options: await ownChanges.passkeyOptions(request.principal, relyingParty) } };
    },

    async addPasskey(request) {
      const place = requirePasskeyPlace(origins, request);
      return { data: passkeyJson(await ownChanges.addPasskey(request.principal, request.body, place)) };
    },

    async removePasskey({ principal, params }) {
      await ownChanges.removePasskey(principal, params.id as PasskeyId);
      return NOTHING;
    },

    async renewRecoveryCodes({ principal }) {
      return { data: { recovery_codes: await ownChanges.renewRecoveryCodes(principal) } };
    },

    listMySessions: ({ principal }) => listLiveSessions(store, clock, principal.operator.id, principal),

    async endMyOtherSessions({ principal }) {
      await ownChanges.endOtherSessions(principal);
      return NOTHING;
    },

    async endMySession({ principal, params, reply, host }) {
      await ownChanges.endSession(principal, params.id as SessionId);
      if (params.id === principal.session.id) clearSessionCookie(reply, { origins, host });
      return NOTHING;
    },
  };
}
