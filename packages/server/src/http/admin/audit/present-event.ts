import { eventJson, eventJsonWithoutHashes } from "../../../core/json/registry.ts";
import type { AuditEvent } from "../../../core/feed/audit-chain.ts";
import type { Principal } from "../../../core/operators/model.ts";

export type EventPresenter = (
  event: AuditEvent,
) => ReturnType<typeof eventJson> | ReturnType<typeof eventJsonWithoutHashes>;

/** How a caller sees events. Callers who are limited to an account don't see hashes. */
export function eventPresenter({ accountId }: Pick<Principal, "accountId">): EventPresenter {
  return accountId === null ? eventJson : eventJsonWithoutHashes;
}
