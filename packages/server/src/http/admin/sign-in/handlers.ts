import { invitationJson, sessionJson } from "../../../core/json/operators.ts";
import type { Links } from "../../../core/operators/links.ts";
import type { OperatorId, Principal } from "../../../core/operators/model.ts";
import type { PasskeyPlace } from "../../../core/operators/passkeys.ts";
import { isSessionOver, operatorActor, type SignedIn, type SignInPlace } from "../../../core/operators/sessions.ts";
import type { SignIn } from "../../../core/operators/sign-in.ts";
import { Refusal } from "../../../core/refusal.ts";
import { RegistryError } from "../../../core/registry-error.ts";
import type { RegistryStore } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { type AdminHandlers, type AdminRequest, wholeList } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { readSessionCookie, setSessionCookie } from "../http/session-cookie.ts";

/** What the console shows of the service to whoever is signed in. */
export interface ServiceFacts {
  readonly publicUrl: string;
  readonly version: string;
}

export interface SignInHandlerDependencies {
  readonly store: RegistryStore;
  readonly signIn: SignIn;
  readonly links: Links;
  readonly origins: Origins;
  readonly refusalLimit: RefusalLimit;
  readonly service: ServiceFacts;
  /** The identity provider, where there is one. */
  readonly singleSignOn: { readonly issuer: string; readonly name: string } | null;
  /** Told of each attempt to get in that was refused. */
  readonly onRefused: (refused: RefusedSignIn) => void;
}

/** An attempt to get in that was refused: nothing of what was sent is in it. */
export interface RefusedSignIn {
  readonly requestId: string;
  readonly clientAddress: string;
  readonly code: Refusal["code"];
  /** The refusal's own words. */
  readonly reason: string;
}

type SignInOperations =
  | "getSignInOptions"
  | "signInByPassword"
  | "startPasskeySignIn"
  | "signInByPasskey"
  | "signInByRecoveryCode"
  | "lookAtLink"
  | "startLinkPasskey"
  | "useLink";

/** Sign-in by password, passkey and recovery code, and one-time links. */
export function createSignInHandlers(dependencies: SignInHandlerDependencies): Pick<AdminHandlers, SignInOperations> {
  const { store, signIn, links, origins, service, singleSignOn } = dependencies;

  /** Answers whoever has just signed in. */
  async function welcome({ reply, host }: AdminRequest, { operator, session, secret }: SignedIn) {
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
      // A browser names no origin when it only asks; where a proxy changes the host, the configured address is the one.
      const reached = origin ?? `${origins.isSecure ? "https" : "http"}://${host}`;
      const page = origins.isAllowed(reached) ? reached : new URL(origins.consoleUrl).origin;
      return {
        data: {
          setup_needed: (await store.countOperators()) === 0,
          passkeys: origins.relyingPartyId(page) !== undefined,
          single_sign_on: singleSignOn,
        },
      };
    },

    signInByPassword: (request) =>
      guarded(dependencies, request, async () =>
        welcome(request, await signIn.byPassword(request.body, placeOf(request, origins))),
      ),

    startPasskeySignIn: (request) =>
      guarded(dependencies, request, async () => {
        const { relyingParty } = requirePasskeyPlace(origins, request);
        return { data: { options: await signIn.passkeyOptions(relyingParty) } };
      }),

    signInByPasskey: (request) =>
      guarded(dependencies, request, async () => {
        const place = requirePasskeyPlace(origins, request);
        return welcome(request, await signIn.byPasskey(request.body.response, place, placeOf(request, origins)));
      }),

    signInByRecoveryCode: (request) =>
      guarded(dependencies, request, async () =>
        welcome(request, await signIn.byRecoveryCode(request.body, placeOf(request, origins))),
      ),

    lookAtLink: (request) =>
      guarded(dependencies, request, async () => {
        const { kind, email, role, account, expires_at } = invitationJson(await links.look(request.body.token));
        return { data: { kind, email, role, account, expires_at } };
      }),

    startLinkPasskey: (request) =>
      guarded(dependencies, request, async () => {
        const { token, email } = request.body;
        const { relyingParty } = requirePasskeyPlace(origins, request);
        return { data: { options: await links.passkeyOptions(token, email, relyingParty) } };
      }),

    useLink: (request) =>
      guarded(dependencies, request, async () => {
        const { token, ...answer } = request.body;
        const letIn = await links.use(token, answer, findPasskeyPlace(origins, request), placeOf(request, origins));
        setSessionCookie(request.reply, { origins, host: request.host }, letIn.secret);
        return { data: { recovery_codes: letIn.recoveryCodes } };
      }),
  };
}

/** Counts what is refused against the client's address, as everywhere, and refuses whoever was refused too often. */
export async function guarded<Answer>(
  { refusalLimit, onRefused }: Pick<SignInHandlerDependencies, "refusalLimit" | "onRefused">,
  { clientAddress, requestId }: AdminRequest,
  work: () => Promise<Answer>,
): Promise<Answer> {
  refusalLimit.check(clientAddress);
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal || error instanceof RegistryError) {
      // What fails on this side doesn't count against the client.
      const counts = error.code !== "rate_limited" && error.code !== "unavailable";
      const isOver = counts && refusalLimit.count(clientAddress);
      if (error instanceof Refusal && !isOver) {
        onRefused({ requestId, clientAddress, code: error.code, reason: error.message });
      }
    }
    throw error;
  }
}

/** @param origins of the console, whose cookie the browser may have from a sign-in before */
export function placeOf({ clientAddress, userAgent, cookies, host }: AdminRequest, origins: Origins): SignInPlace {
  return { address: clientAddress, userAgent, previousSecret: readSessionCookie(cookies, { origins, host }) };
}

/** Where passkeys are made and used; `undefined` where they can't be. */
function findPasskeyPlace(origins: Origins, { origin }: AdminRequest): PasskeyPlace | undefined {
  const relyingParty = origin === undefined ? undefined : origins.relyingPartyId(origin);
  return origin === undefined || relyingParty === undefined ? undefined : { origin, relyingParty };
}

/** @throws {Refusal} `conflict` where they can't be */
export function requirePasskeyPlace(origins: Origins, request: AdminRequest): PasskeyPlace {
  const place = findPasskeyPlace(origins, request);
  if (place === undefined) {
    throw new Refusal("conflict", "Passkeys don't work at an IP address.", {
      hint: `Open the console by its name: ${origins.consoleUrl}`,
    });
  }
  return place;
}

/** Where an operator is signed in, as whoever asks may see it. */
export async function listLiveSessions(
  store: Pick<RegistryStore, "listSessions">,
  clock: Clock,
  operatorId: OperatorId,
  principal: Principal,
) {
  const current = principal.kind === "operator" ? principal.session.id : undefined;
  const live = (await store.listSessions(operatorId)).filter((session) => !isSessionOver(session, clock.wallMs()));
  return wholeList(live.map((session) => sessionJson(session, current)));
}

/** Who asks, and what the console has to know to begin. */
export async function shownMe(store: RegistryStore, { publicUrl, version }: ServiceFacts, principal: Principal) {
  const { kind, actor, role, account } = principal;
  const service = { public_url: publicUrl, version, store: store.engine };
  if (kind === "admin_token") return { kind, actor, role, account, operator: null, session: null, service };
  const { operator, session } = principal;
  return {
    kind,
    actor,
    role,
    account,
    operator: {
      id: operator.id,
      email: operator.email,
      has_password: operator.passwordHash !== null,
      passkeys: (await store.listPasskeys(operator.id)).length,
      recovery_codes: await store.countRecoveryCodes(operator.id),
      single_sign_on: operator.federated !== null,
    },
    session: sessionJson(session, session.id),
    service,
  };
}
