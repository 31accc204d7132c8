import type { KeyObject } from "node:crypto";
import { verificationKey } from "../core/assertion/verify-signature.ts";
import type { AccountId } from "../core/accounts/model.ts";
import type { ApiUserId } from "../core/users/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { ViewKey, ViewUser } from "../core/view/view-user.ts";

/** Keys of a user that exists only in a test. */
export interface TestViewKey extends Partial<Pick<ViewKey, "thumbprint" | "status" | "expiresAtMs">> {
  readonly id: number;
  readonly publicKey: KeyObject;
}

/** A user as requests see it, without a store: for rules that don't depend on where the user came from. */
export function testViewUser(
  keys: readonly TestViewKey[],
  user: Partial<Omit<ViewUser, "keys">> = {},
): ViewUser & { readonly keys: readonly ViewKey[] } {
  const viewKeys: ViewKey[] = [];
  const viewUser: ViewUser = {
    id: 1 as ApiUserId,
    username: "api-1-demo",
    accountId: 1 as AccountId,
    account: "acme",
    access: "full",
    status: "active",
    accountStatus: "active",
    ...user,
    keys: viewKeys,
  };
  for (const { id, publicKey, thumbprint, status, expiresAtMs } of keys) {
    viewKeys.push({
      id: id as KeyId,
      user: viewUser,
      thumbprint: thumbprint ?? `thumbprint-${id}`,
      status: status ?? "active",
      expiresAtMs: expiresAtMs ?? null,
      ...verificationKey(publicKey),
    });
  }
  return viewUser;
}
