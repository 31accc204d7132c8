import { sessionJson } from "../../../core/json/operators.ts";
import { isoTime } from "../../../core/json/registry.ts";
import type { KeyProofPolicy } from "../../../core/key-statements/key-proofs.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { Store } from "../../../core/store/store.ts";

/** What the console shows of the service to an operator who is signed in. */
export interface ServiceFacts {
  readonly publicUrl: string;
  readonly version: string;
  readonly keyProof: KeyProofPolicy;
}

/** The caller, and what the console needs to start. */
export async function shownMe(store: Store, { publicUrl, version, keyProof }: ServiceFacts, principal: Principal) {
  const { kind, actor, role, account } = principal;
  const service = { public_url: publicUrl, version, store: store.engine, key_proof: keyProof };
  if (kind === "admin_token") {
    const { name, operatorEmail, hostName, expiresAtMs } = principal.token;
    const token = { name, operator: operatorEmail, host_name: hostName, expires_at: isoTime(expiresAtMs) };
    return { kind, actor, role, account, operator: null, session: null, token, service };
  }
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
      passkeys: (await store.passkeys.list(operator.id)).length,
      recovery_codes: await store.recoveryCodes.count(operator.id),
      single_sign_on: operator.federated !== null,
    },
    session: sessionJson(session, session.id),
    token: null,
    service,
  };
}
