import type { PublicKey } from "../keys/model.ts";
import type { Standing } from "../standing.ts";
import type { ApiUser } from "../users/model.ts";

/** What requests need to know of a key. */
export type RecordKey = Pick<PublicKey, "id" | "thumbprint" | "bits" | "spki" | "status" | "expiresAtMs">;

/** A user with what requests need to know of it: its account's standing and its keys. */
export interface ApiUserRecord {
  readonly user: ApiUser;
  readonly accountStatus: Standing;
  readonly keys: readonly RecordKey[];
}
