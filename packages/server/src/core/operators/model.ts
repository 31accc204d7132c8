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
export type DeviceSignInId = Branded<"DeviceSignInId">;

/** A role, in all accounts or in one account only. */
export interface Grant {
  readonly role: Role;
  /** `null`: not limited to an account. */
  readonly accountId: AccountId | null;
  /** The account's shortname. */
  readonly account: string | null;
}

/** A person who administers the service. Times are milliseconds since the epoch throughout. */
export interface Operator extends Grant {
  readonly id: OperatorId;
  /** Unique, in lower case. */
  readonly email: string;
  readonly status: Standing;
  /** Argon2id in the PHC string format; `null` if there is no password. */
  readonly passwordHash: string | null;
  /** The identity at the identity provider; `null` for an operator who doesn't use single sign-on. */
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

/** An operator's sign-in in one browser. */
export interface Session {
  readonly id: SessionId;
  readonly operatorId: OperatorId;
  /** SHA-256 of the cookie's value, in hex. */
  readonly secretHash: string;
  readonly method: SignInMethod;
  readonly createdAtMs: number;
  /** Written once a minute at most. */
  readonly lastSeenAtMs: number;
  /** The browser's User-Agent, cut to 200 characters. */
  readonly userAgent: string;
  readonly address: string;
  /** When the operator last proved their identity; 0 if unknown, as with an identity provider that doesn't say. */
  readonly authenticatedAtMs: number;
}

/** A WebAuthn credential. */
export interface Passkey {
  readonly id: PasskeyId;
  readonly operatorId: OperatorId;
  /** Chosen by the authenticator, base64url; unique. */
  readonly credentialId: string;
  /** COSE, from the authenticator. */
  readonly publicKey: Uint8Array;
  /** The last signature counter; 0 if the authenticator has none. */
  readonly counter: number;
  /** The relying party's id for which it was made, such as `localhost`. */
  readonly relyingParty: string;
  readonly transports: readonly string[];
  readonly label: string;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | null;
}

/** The purpose of a one-time link: the first owner, a new operator, or an operator who can no longer sign in. */
export type InvitationKind = "setup" | "invitation" | "reset";

/** A one-time link that creates an operator, or resets an operator's credentials. */
export interface Invitation extends Grant {
  readonly id: InvitationId;
  readonly kind: InvitationKind;
  /** SHA-256 of the link's secret, in hex. */
  readonly secretHash: string;
  /** `null` for `setup`: the holder of the link chooses the address. */
  readonly email: string | null;
  /** The actor who created it. */
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** It expires at this instant, inclusive. */
  readonly expiresAtMs: number;
}

/** A credential by which a program uses the admin API. */
export interface AdminToken extends Grant {
  readonly id: AdminTokenId;
  /** Unique: `<name>`, or `<account>/<name>` if limited to an account. Older tokens of an account lack the prefix. */
  readonly name: string;
  /** SHA-256 of the token, in hex. */
  readonly secretHash: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** It expires at this instant, inclusive. */
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** Written once a minute at most. */
  readonly lastUsedAtMs: number | null;
  /** The operator whom it is bound to: it never allows more than they may now. `null`: it stands by itself. */
  readonly operatorId: OperatorId | null;
  /** The operator's present e-mail address. */
  readonly operatorEmail: string | null;
  /** Of a command line that an operator signed in: its machine's name, which the command line said itself. */
  readonly hostName: string | null;
}

/** A command line that waits for an operator to sign it in (RFC 8628). */
export interface DeviceSignIn {
  readonly id: DeviceSignInId;
  /** SHA-256 of the code by which the command line asks, in hex. */
  readonly deviceCodeHash: string;
  /** SHA-256 of the code that the operator types, in hex. It is no credential, so a guess at what was hashed gains nothing. */
  readonly userCodeHash: string;
  /** The machine's name, which the command line said itself. */
  readonly hostName: string;
  /** The address that the request came from. */
  readonly address: string;
  readonly createdAtMs: number;
  /** It expires at this instant, inclusive. */
  readonly expiresAtMs: number;
  /** What an operator decided; `null` while none did. */
  readonly decision: DeviceDecision | null;
}

export type DeviceDecision =
  | { readonly kind: "denied" }
  | {
      readonly kind: "approved";
      readonly operatorId: OperatorId;
      readonly role: Role;
      readonly accountId: AccountId | null;
      /** How long the command line stays signed in, in seconds. */
      readonly lifeSeconds: number;
    };

/** The caller: an operator with a session, or a program with an admin token. */
export type Principal = Grant & {
  /** The name in the audit log: `operator:<email>` or `admin-token:<name>`. */
  readonly actor: string;
} & (
    | {
        readonly kind: "operator";
        readonly operator: Operator;
        readonly session: Session;
        /** Is the sign-in fresh? See `isFresh`. */
        readonly isFresh: boolean;
      }
    | { readonly kind: "admin_token"; readonly token: AdminToken }
  );
