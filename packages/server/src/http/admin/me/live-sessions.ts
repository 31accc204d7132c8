import { sessionJson } from "../../../core/json/operators.ts";
import type { OperatorId, Principal } from "../../../core/operators/model.ts";
import { isSessionOver } from "../../../core/operators/sessions.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock } from "../../../core/surroundings.ts";
import { wholeList } from "../http/handlers.ts";

/** The sessions of an operator that aren't over; the caller's own is marked as current. */
export async function listLiveSessions(
  store: Pick<Store, "sessions">,
  clock: Clock,
  operatorId: OperatorId,
  principal: Principal,
) {
  const current = principal.kind === "operator" ? principal.session.id : undefined;
  const live = (await store.sessions.list(operatorId)).filter((session) => !isSessionOver(session, clock.wallMs()));
  return wholeList(live.map((session) => sessionJson(session, current)));
}
