import { passkeyJson } from "../../../core/json/operators.ts";
import type { PasskeyId, SessionId } from "../../../core/operators/model.ts";
import type { OwnChanges } from "../../../core/operators/own-changes.ts";
import type { RegistryStore } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { type AdminHandlers, wholeList } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { clearSessionCookie } from "../http/session-cookie.ts";
import { listLiveSessions, requirePasskeyPlace, type ServiceFacts, shownMe } from "../sign-in/handlers.ts";

export interface OwnHandlerDependencies {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly ownChanges: OwnChanges;
  readonly origins: Origins;
  readonly service: ServiceFacts;
}

type OwnOperations =
  | "getMe"
  | "signOut"
  | "changePassword"
  | "listMyPasskeys"
  | "startPasskey"
  | "addPasskey"
  | "removePasskey"
  | "renewRecoveryCodes"
  | "listMySessions"
  | "endMyOtherSessions"
  | "endMySession";

const NOTHING = { data: {} } as const;

/** What whoever is signed in sees and changes of themselves. */
export function createOwnHandlers(dependencies: OwnHandlerDependencies): Pick<AdminHandlers, OwnOperations> {
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
      return wholeList((await store.listPasskeys(principal.operator.id)).map(passkeyJson));
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
