import type { AdminToken, Operator } from "../../operators/model.ts";
import { type Observation, observe } from "../finding.ts";

const EXPIRING_MS = 7 * 86_400_000;

export interface OperatorFacts {
  readonly operators: readonly (Pick<Operator, "email" | "status" | "federated"> & { readonly hasPasskey: boolean })[];
  readonly adminTokens: readonly Pick<AdminToken, "name" | "expiresAtMs" | "revokedAtMs">[];
}

/** How many are named in a finding. */
const NAMED_MAX = 5;

export function checkOperators({ operators, adminTokens }: OperatorFacts, nowMs: number): Observation {
  const active = operators.filter(({ status }) => status === "active");
  const weak = active.filter(({ federated, hasPasskey }) => federated === null && !hasPasskey);
  const expiring = adminTokens.filter(
    ({ expiresAtMs, revokedAtMs }) =>
      revokedAtMs === null && expiresAtMs !== null && expiresAtMs > nowMs && expiresAtMs - nowMs <= EXPIRING_MS,
  );
  return observe(
    `Active operators: ${active.length}, each with a passkey or single sign-on.`,
    active.length === 0 ? { code: "operators_missing", found: "There is no active operator." } : undefined,
    weak.length === 0
      ? undefined
      : {
          code: "second_factor_missing",
          found: `${weak.length} active operator(s) sign in with a password alone: ${named(weak.map(({ email }) => email))}.`,
        },
    expiring.length === 0
      ? undefined
      : {
          code: "admin_tokens_expiring",
          found: `${expiring.length} admin token(s) expire within 7 days: ${named(expiring.map(({ name }) => name))}.`,
        },
  );
}

function named(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return more > 0 ? `${names.slice(0, NAMED_MAX).join(", ")} and ${more} more` : names.join(", ");
}
