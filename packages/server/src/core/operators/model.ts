/**
 * Operators: the people who administer the service, how they sign in, what they may do; and admin tokens, which let programs
 * do the same.
 *
 * No HTTP, no SQL. Nothing here can be used to mint or check a token of an API user. Secrets (passwords, session ids,
 * invitation links, recovery codes, admin tokens) come in and go out as text, and reach the store as hashes only.
 */
import type { Role } from "@countersign/protocol";
import type { AccountId } from "../accounts/model.ts";
import type { Branded } from "../branded.ts";
import type { Standing } from "../standing.ts";

/** Positive 32-bit integers that are never reused. */
export type OperatorId = Branded<"OperatorId">;
export type SessionId = Branded<"SessionId">;
export type PasskeyId = Branded<"PasskeyId">;
export type InvitationId = Branded<"InvitationId">;
export type AdminTokenId = Branded<"AdminTokenId">;

/** What somebody may do, and where: everywhere, or in one account alone. */
export interface Grant {
  readonly role: Role;
  /** `null`: not limited to an account. */
  readonly accountId: AccountId | null;
  /** That account's shortname. */
  readonly account: string | null;
}

/** A person who administers the service. Times are milliseconds since the epoch throughout. */
export interface Operator extends Grant {
  readonly id: OperatorId;
  /** Unique, in lower case. */
  readonly email: string;
  readonly status: Standing;
  /** Argon2id in the PHC string format; `null` where there is no password. */
  readonly passwordHash: string | null;
  /** Who the identity provider says it is; `null` for an operator who doesn't come by single sign-on. */
  readonly federated: FederatedIdentity | null;
  readonly createdAtMs: number;
  readonly lastSignedInAtMs: number | null;
}

/** A subject of an OpenID provider (OpenID Connect Core §2: `iss` and `sub` together are unique and never reused). */
export interface FederatedIdentity {
  readonly issuer: string;
  readonly subject: string;
}

export type SignInMethod = "passkey" | "password" | "recovery_code" | "single_sign_on" | "link";

/** Somebody who is signed in. */
export interface Session {
  readonly id: SessionId;
  readonly operatorId: OperatorId;
  /** SHA-256 of the cookie's value, in hex. */
  readonly secretHash: string;
  readonly method: SignInMethod;
  readonly createdAtMs: number;
  /** Written once a minute at most. */
  readonly lastSeenAtMs: number;
  /** What the browser calls itself, cut to 200 characters. */
  readonly userAgent: string;
  readonly address: string;
  /** When the holder last proved themselves; 0 where that isn't known, as with an identity provider that doesn't say. */
  readonly authenticatedAtMs: number;
}

/** A WebAuthn credential. */
export interface Passkey {
  readonly id: PasskeyId;
  readonly operatorId: OperatorId;
  /** The authenticator's, base64url; unique. */
  readonly credentialId: string;
  /** COSE, as the authenticator gave it. */
  readonly publicKey: Uint8Array;
  /** The signature counter that was seen last; 0 where the authenticator has none. */
  readonly counter: number;
  /** The relying party's id for which it was made, such as `localhost`. */
  readonly relyingParty: string;
  readonly transports: readonly string[];
  readonly label: string;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | null;
}

/** What a one-time link is for: the very first owner, a further operator, or an operator who can't sign in any more. */
export type InvitationKind = "setup" | "invitation" | "reset";

/** A one-time link that makes an operator, or lets one in again. */
export interface Invitation extends Grant {
  readonly id: InvitationId;
  readonly kind: InvitationKind;
  /** SHA-256 of the link's secret, in hex. */
  readonly secretHash: string;
  /** `null` for `setup`: whoever has the link says who they are. */
  readonly email: string | null;
  /** Who made it, as the audit log has it. */
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** At this instant it is over, inclusive. */
  readonly expiresAtMs: number;
}

/** Lets a program administer. */
export interface AdminToken extends Grant {
  readonly id: AdminTokenId;
  /** Unique: `<name>`, or `<account>/<name>` where it is limited to one. Older ones of an account have no account in it. */
  readonly name: string;
  /** SHA-256 of the token, in hex. */
  readonly secretHash: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** At this instant it is over, inclusive. */
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** Written once a minute at most. */
  readonly lastUsedAtMs: number | null;
}

/** Who asks: an operator with a session, or a program with an admin token. */
export type Principal = Grant & {
  /** As the audit log has it: `operator:<email>` or `admin-token:<name>`. */
  readonly actor: string;
} & (
    | {
        readonly kind: "operator";
        readonly operator: Operator;
        readonly session: Session;
        /** Did they prove themselves lately? See `isFresh`. */
        readonly isFresh: boolean;
      }
    | { readonly kind: "admin_token"; readonly token: AdminToken }
  );
