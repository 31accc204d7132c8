/** The caller, and what operators change about themselves. */
import type { Commit } from "../../../core/change/commit.ts";
import { isExpired } from "../../../core/expiry.ts";
import { commandLineJson, passkeyJson } from "../../../core/json/operators.ts";
import { revokeOwnToken, signOutCommandLine } from "../../../core/operators/admin-tokens.ts";
import type { AdminTokenId, PasskeyId, SessionId } from "../../../core/operators/model.ts";
import {
  addOwnPasskey,
  endOwnOtherSessions,
  endOwnSession,
  removeOwnPasskey,
  renewOwnRecoveryCodes,
  setOwnPassword,
} from "../../../core/operators/own-changes.ts";
import type { OwnCredentials } from "../../../core/operators/own-credentials.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock, Random } from "../../../core/surroundings.ts";
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
  readonly random: Random;
  readonly commitWithoutView: Commit;
  readonly ownCredentials: OwnCredentials;
  readonly origins: Origins;
  readonly service: ServiceFacts;
}

const NOTHING = { data: {} } as const;

export function createOwnHandlers(dependencies: OwnHandlerDependencies): HandlersOf<typeof ownRoutes> {
  const { store, clock, random, commitWithoutView, ownCredentials, origins, service } = dependencies;

  return {
    getMe: async ({ principal }) => ({ data: await shownMe(store, service, principal) }),

    async signOut({ principal, reply, host }) {
      await commitWithoutView((tx) => endOwnSession(tx, principal.session.id), { author: principal });
      clearSessionCookie(reply, { origins, host });
      return NOTHING;
    },

    async changePassword({ principal, body }) {
      const { current_password: currentPassword, new_password: newPassword } = body;
      const passwordHash = await ownCredentials.hashNewPassword(principal, { currentPassword, newPassword });
      const change = { passwordHash, before: principal.operator.passwordHash, keep: principal.session.id };
      await commitWithoutView((tx) => setOwnPassword(tx, change), { author: principal });
      return NOTHING;
    },

    async listMyPasskeys({ principal }) {
      return wholeList((await store.passkeys.list(principal.operator.id)).map(passkeyJson));
    },

    async startPasskey(request) {
      const { relyingParty } = requirePasskeyPlace(origins, request);
      return { data: { options: await ownCredentials.passkeyOptions(request.principal.operator, relyingParty) } };
    },

    async addPasskey(request) {
      const place = requirePasskeyPlace(origins, request);
      const { principal, body } = request;
      const admitted = await ownCredentials.admitPasskey(principal.operator, body, place);
      const { result } = await commitWithoutView((tx) => addOwnPasskey(tx, admitted), { author: principal });
      return { data: passkeyJson(result) };
    },

    async removePasskey({ principal, params }) {
      await commitWithoutView((tx) => removeOwnPasskey(tx, params.id as PasskeyId), { author: principal });
      return NOTHING;
    },

    async renewRecoveryCodes({ principal }) {
      const { result } = await commitWithoutView((tx) => renewOwnRecoveryCodes(tx, random), { author: principal });
      return { data: { recovery_codes: result } };
    },

    listMySessions: ({ principal }) => listLiveSessions(store, clock, principal.operator.id, principal),

    async endMyOtherSessions({ principal }) {
      await commitWithoutView((tx) => endOwnOtherSessions(tx, principal.session.id), { author: principal });
      return NOTHING;
    },

    async listMyCommandLines({ principal }) {
      const tokens = await store.adminTokens.listOf(principal.operator.id);
      const now = clock.wallMs();
      return wholeList(tokens.flatMap((token) => (isExpired(token, now) ? [] : commandLineJson(token))));
    },

    async signOutMyCommandLine({ principal, params }) {
      await commitWithoutView((tx) => signOutCommandLine(tx, params.id as AdminTokenId), { author: principal });
      return NOTHING;
    },

    async revokeMyToken({ principal }) {
      await commitWithoutView((tx) => revokeOwnToken(tx), { author: principal });
      return NOTHING;
    },

    async endMySession({ principal, params, reply, host }) {
      await commitWithoutView((tx) => endOwnSession(tx, params.id as SessionId), { author: principal });
      if (params.id === principal.session.id) clearSessionCookie(reply, { origins, host });
      return NOTHING;
    },
  };
}
