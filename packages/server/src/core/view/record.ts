import type { PublicKey } from "../keys/model.ts";
import type { Standing } from "../standing.ts";
import type { ApiUser } from "../users/model.ts";

/** The properties of a key that requests need. */
export type RecordKey = Pick<PublicKey, "id" | "thumbprint" | "bits" | "spki" | "status" | "expiresAtMs" | "networks">;

/** A user with its account's status and its keys, which requests need. */
export interface ApiUserRecord {
  readonly user: ApiUser;
  readonly accountStatus: Standing;
  readonly keys: readonly RecordKey[];
}
