import { createHash, createPublicKey } from "node:crypto";
import type { Access } from "@countersign/protocol";
import { limitTo, type NetworkLimit } from "../check-source.ts";
import type { AccountId } from "../accounts/model.ts";
import { type VerificationKey, verificationKey } from "../assertion/verify-signature.ts";
import type { KeyId, KeyStatus } from "../keys/model.ts";
import type { Standing } from "../standing.ts";
import { StoreBroken } from "../store/store-broken.ts";
import type { ApiUserId } from "../users/model.ts";
import type { ApiUserRecord, RecordKey } from "./record.ts";

/** An API user in the form that requests use. */
export interface ViewUser {
  readonly id: ApiUserId;
  readonly username: string;
  readonly accountId: AccountId;
  readonly account: string;
  readonly access: Access;
  readonly mayRotate: boolean;
  readonly status: Standing;
  readonly accountStatus: Standing;
  readonly keys: readonly ViewKey[];
}

/** A parsed key in the form that requests use. */
export interface ViewKey extends VerificationKey {
  readonly id: KeyId;
  readonly user: ViewUser;
  readonly thumbprint: string;
  readonly status: KeyStatus;
  readonly expiresAtMs: number | null;
  /** Its user's and its own. */
  readonly limits: readonly NetworkLimit[];
}

/**
 * Parses a user's keys and networks.
 *
 * @throws {StoreBroken} if a key isn't the one that was registered, or if networks can't be read
 */
export function viewUser({ user, accountStatus, keys }: ApiUserRecord): ViewUser {
  const viewKeys: ViewKey[] = [];
  const { id, username, accountId, account, access, mayRotate, status } = user;
  const view: ViewUser = { id, username, accountId, account, access, mayRotate, status, accountStatus, keys: viewKeys };
  const userLimits = readLimits("user", user.networks);
  for (const key of keys) viewKeys.push(viewKey(key, view, userLimits));
  return view;
}

/** Parses a key, and checks that it is undamaged: with a damaged key, the client would be told that it signs with another key. */
function viewKey(key: RecordKey, user: ViewUser, userLimits: readonly NetworkLimit[]): ViewKey {
  const keyObject = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
  const { e, n } = keyObject.export({ format: "jwk" });
  // RFC 7638, section 3: the members in this order, without spaces.
  const thumbprint = createHash("sha256").update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest("base64url");
  if (thumbprint !== key.thumbprint) throw new StoreBroken("a public key in it is damaged");
  return {
    id: key.id,
    user,
    thumbprint: key.thumbprint,
    status: key.status,
    expiresAtMs: key.expiresAtMs,
    limits: key.networks.length === 0 ? userLimits : [...userLimits, ...readLimits("key", key.networks)],
    ...verificationKey(keyObject),
  };
}

const NO_LIMITS: readonly NetworkLimit[] = [];

function readLimits(of: NetworkLimit["of"], networks: readonly string[]): readonly NetworkLimit[] {
  if (networks.length === 0) return NO_LIMITS;
  try {
    return [limitTo(of, networks)];
  } catch {
    throw new StoreBroken("a list of networks in it is damaged");
  }
}
