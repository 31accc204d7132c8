/** Explanations of assertions, and the check of tokens, in the admin API. */
import { canSee } from "../../../core/operators/authorize.ts";
import { isoTime } from "../../../core/json/registry.ts";
import { explainClock } from "../../../core/clock/clock-watch.ts";
import { explainAssertion } from "../../../core/explain.ts";
import { createFairQueue } from "../../../core/fair-queue.ts";
import { parseAddressText } from "../../../core/networks.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { KeyId } from "../../../core/keys/model.ts";
import type { Audiences } from "../../../core/assertion/check-claims.ts";
import { fieldRefusal } from "../../../core/refusal.ts";
import type { CheckToken } from "../../../core/check.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { type LatestSigningKeys, verifyTokenNow } from "../../../core/token/verify-token.ts";
import type { RegistryView } from "../../../core/view/view.ts";
import type { ViewUser } from "../../../core/view/view-user.ts";
import type { HandlersOf } from "../http/handlers.ts";
import type { explainRoutes } from "./routes.ts";

/** How many requests may wait for a running explanation, which may check a signature against all of a user's keys. */
const WAITING_MAX = 32;

export interface ExplainHandlerDependencies {
  readonly store: Store;
  readonly view: Pick<RegistryView, "findUser" | "findKey">;
  readonly clock: Clock;
  /** Of the exchange. */
  readonly audiences: Audiences;
  readonly checkToken: CheckToken;
  readonly signingKeys: LatestSigningKeys;
}

type Handlers = HandlersOf<typeof explainRoutes>;

/** Explains assertions, one at a time, with callers alternating; and checks tokens. */
export function createExplainHandlers({
  store,
  view,
  clock,
  audiences,
  checkToken,
  signingKeys,
}: ExplainHandlerDependencies): Handlers {
  const queue = createFairQueue({ runningMax: 1, waitingMax: WAITING_MAX });
  return {
    explainAssertion: (request) => queue.run(request.principal.actor, () => explain(request)),

    async checkToken({ principal, body }) {
      const token = body.token.trim();
      const verdict = await checkToken(token);
      if (!(await canSeeToken(principal, token))) return { data: { active: false, reason: "unknown_key" } };
      if (!verdict.active) return { data: { active: false, reason: verdict.reason } };
      const { username, userId, account, access, keyId, endsAtSeconds } = verdict;
      return {
        data: {
          active: true,
          username,
          user_id: userId,
          account,
          access,
          key_id: keyId,
          expires_at: isoTime(endsAtSeconds * 1000),
        },
      };
    },
  };

  async function explain({ principal, body }: Parameters<Handlers["explainAssertion"]>[0]) {
    // A user whom the caller can't see doesn't exist for the explanation.
    const knownUser = (user: ViewUser | undefined) =>
      user !== undefined && canSee(principal, user.accountId) ? user : undefined;
    const known = {
      ...view,
      findUser: async (username: string) => knownUser(await view.findUser(username)),
    };
    const from = body.from === undefined ? undefined : parseAddressText(body.from);
    if (body.from !== undefined && from === undefined) {
      throw fieldRefusal("field_invalid", "from must be an IP address.", "from");
    }
    const explained = await explainAssertion(body.assertion, { view: known, clock, audiences, from });
    const { accepted, refusal, steps } = explained;
    const clockSteps = await explainClock(store, clock);
    return { data: { accepted, code: refusal?.code ?? null, steps: [...steps, ...clockSteps] } };
  }

  /** Is the token of an account that the caller can see, or no token of this service at all? */
  async function canSeeToken(principal: Principal, token: string): Promise<boolean> {
    if (principal.accountId === null) return true;
    const claims = await verifyTokenNow(signingKeys, token);
    if (typeof claims === "string") return true;
    const key = await view.findKey(claims.keyId as KeyId);
    return key !== undefined && canSee(principal, key.user.accountId);
  }
}
