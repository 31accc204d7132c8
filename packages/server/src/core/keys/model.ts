/** Public keys: their model, admission, changes and usage. */
import type { Weakness } from "@countersign/protocol";
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";
import type { ApiUserId } from "../users/model.ts";

export type { Weakness };

export type KeyId = Branded<"KeyId">;

/** A revoked key can never be activated again. */
export type KeyStatus = Standing | "revoked";

/** The public half of an API user's RSA key. */
export interface PublicKey {
  readonly id: KeyId;
  readonly userId: ApiUserId;
  readonly username: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** RFC 7638, base64url. */
  readonly thumbprint: string;
  /** SHA-256 of the modulus without leading zeros, in hex: the key's identity, whatever its exponent. */
  readonly modulusHash: string;
  readonly bits: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly label: string | null;
  readonly status: KeyStatus;
  readonly createdAtMs: number;
  /** From this instant on, inclusive, the key has expired. */
  readonly expiresAtMs: number | null;
  /** Recorded in memory and written every few seconds: it may lag, and a crash loses the last seconds. */
  readonly lastUsedAtMs: number | null;
  /** The day of its last use or, if there is none, of its creation; in days since the epoch. Lists are ordered by it. */
  readonly idleSinceDay: number;
  /** When its holder proved possession of the private key. */
  readonly provedAtMs: number | null;
  /** The key whose holder added it by rotation. */
  readonly rotatedFrom: KeyId | null;
  /** CIDRs from which it can be used; from anywhere if there are none. */
  readonly networks: readonly string[];
  /** As the last audit of the stored keys found. */
  readonly weakness: Weakness | null;
}
