import type { KeyObject } from "node:crypto";
import { limitTo } from "../core/check-source.ts";
import { verificationKey } from "../core/assertion/verify-signature.ts";
import type { AccountId } from "../core/accounts/model.ts";
import type { ApiUserId } from "../core/users/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { ViewKey, ViewUser } from "../core/view/view-user.ts";

/** Keys of a user that exists only in a test. */
export interface TestViewKey extends Partial<Pick<ViewKey, "thumbprint" | "status" | "expiresAtMs">> {
  readonly id: number;
  readonly publicKey: KeyObject;
  readonly networks?: readonly string[];
}

/** A user as requests see it, without a store: for rules that don't depend on where the user came from. */
export function testViewUser(
  keys: readonly TestViewKey[],
  { networks = [], ...user }: Partial<Omit<ViewUser, "keys">> & { readonly networks?: readonly string[] } = {},
): ViewUser & { readonly keys: readonly ViewKey[] } {
  const viewKeys: ViewKey[] = [];
  const limits = (of: "user" | "key", texts: readonly string[]) => (texts.length === 0 ? [] : [limitTo(of, texts)]);
  const viewUser: ViewUser = {
    id: 1 as ApiUserId,
    username: "api-1-demo",
    accountId: 1 as AccountId,
    account: "acme",
    access: "full",
    mayRotate: false,
    status: "active",
    accountStatus: "active",
    ...user,
    keys: viewKeys,
  };
  for (const { id, publicKey, thumbprint, status, expiresAtMs, networks: keyNetworks = [] } of keys) {
    viewKeys.push({
      id: id as KeyId,
      user: viewUser,
      thumbprint: thumbprint ?? `thumbprint-${id}`,
      status: status ?? "active",
      expiresAtMs: expiresAtMs ?? null,
      limits: [...limits("user", networks), ...limits("key", keyNetworks)],
      ...verificationKey(publicKey),
    });
  }
  return viewUser;
}
