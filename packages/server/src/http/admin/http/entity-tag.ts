import { createHash } from "node:crypto";
import type { Operator } from "../../../core/operators/model.ts";
import type { Account } from "../../../core/accounts/model.ts";
import type { ApiUser } from "../../../core/users/model.ts";
import type { PublicKey } from "../../../core/keys/model.ts";
import type { Webhook } from "../../../core/webhooks/model.ts";
import type { ResourceServer } from "../../../core/resource-servers/model.ts";

/**
 * Entity tags (RFC 9110 §8.8.3) of resources that can be changed. They cover the members that a caller decides on, and ignore those
 * that change by themselves, such as when a key was last used.
 */
export const entityTags = {
  account: (account: Account) => {
    const { id, shortname, name, status, keyAgeMaxSeconds, description, contact, archivedAtMs } = account;
    return tag(id, shortname, name, status, keyAgeMaxSeconds, description, contact, archivedAtMs);
  },
  user: (user: ApiUser) => {
    const { id, username, access, status, mayRotate, networks, displayName, description, contact } = user;
    const limits = [access, status, mayRotate, networks.join()];
    return tag(id, username, ...limits, displayName, description, contact, user.archivedAtMs);
  },
  key: ({ id, thumbprint, label, status, expiresAtMs, networks }: PublicKey) =>
    tag(id, thumbprint, label, status, expiresAtMs, networks.join()),
  // The hash of its secret, so that a rotation gives another tag whatever the grace. The tag doesn't reveal the hash.
  resourceServer: ({ id, name, status, secretHash }: ResourceServer) => tag(id, name, status, secretHash),
  // With its secret's salt, so that a rotation gives another tag whatever the overlap.
  webhook: ({ id, url, label, events, status, secret }: Webhook) =>
    tag(id, url, label, events.join(), status, secret.salt),
  operator: ({ id, email, role, accountId, status }: Operator) => tag(id, email, role, accountId, status),
};

function tag(...facts: readonly (string | number | boolean | null)[]): string {
  return `"${createHash("sha256").update(JSON.stringify(facts)).digest("base64url").slice(0, 22)}"`;
}
