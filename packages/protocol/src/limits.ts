/** Lifetime of a token where the request names none, in seconds. */
export const TTL_SECONDS_DEFAULT = 3600;

/** Shortest lifetime that a request may ask for, in seconds, inclusive. */
export const TTL_SECONDS_MIN = 600;

/** Longest lifetime that a request may ask for, in seconds, inclusive. */
export const TTL_SECONDS_MAX = 43_200;

/** Shortest lifetime that the public text documents; anything below it is granted with a warning. */
export const TTL_SECONDS_DOCUMENTED_MIN = 900;

/** A grant warns about a signing key that expires within this time, in seconds, inclusive: 14 days. */
export const KEY_EXPIRES_SOON_SECONDS = 14 * 86_400;

/** Leeway between the client's clock and the server's, in seconds, in either direction, inclusive. */
export const SKEW_SECONDS_MAX = 60;

/**
 * How far an assertion's `iat` may be from the server's clock, in seconds, in either direction, inclusive: the leeway and one more
 * second. Other services advise clients to set `iat` back by exactly 60 s, and the request takes its time.
 */
export const ISSUED_AT_SECONDS_MAX = SKEW_SECONDS_MAX + 1;

/** Longest assertion, in bytes of its compact serialisation, inclusive. */
export const ASSERTION_BYTES_MAX = 8192;

/** Longest request target (path and query), in bytes, inclusive. */
export const REQUEST_TARGET_BYTES_MAX = 8192;

/** The scheme of the `Authorization` header that carries an assertion. Compared without regard to case (RFC 9110 §11.1). */
export const ASSERTION_SCHEME = "JWT";

/** The scheme that carries a token; `Bearer` is accepted as well. */
export const TOKEN_SCHEME = "Token";

/** The realm of every `WWW-Authenticate` challenge. */
export const REALM = "countersign";

/** Signature algorithms an assertion may use (RFC 7518 §3.3). */
export const ASSERTION_ALGORITHMS = ["RS256", "RS384", "RS512"] as const;
export type AssertionAlgorithm = (typeof ASSERTION_ALGORITHMS)[number];

/** `typ` of a proof that the sender of a public key holds its private key. Compared exactly. */
export const KEY_PROOF_TYPE = "key-proof+jwt";

/** `typ` of a statement by which a key revokes itself. Compared exactly. */
export const KEY_REVOCATION_TYPE = "key-revocation+jwt";

/** What such a statement says, in the claim `purpose`; it has no other claim. */
export const KEY_REVOCATION_PURPOSE = "revoke this key for good";

/** `typ` of every statement that a key makes about itself. An assertion never has one of them. */
export const KEY_STATEMENT_TYPES = [KEY_PROOF_TYPE, KEY_REVOCATION_TYPE] as const;

/** How long the nonce for a proof can be used, in seconds; at equality it has expired. */
export const KEY_CHALLENGE_SECONDS = 600;

/** How long a key that was rotated goes on working, in seconds, where the request says nothing. */
export const OVERLAP_SECONDS_DEFAULT = 604_800;

/** The longest overlap that a rotation may ask for, in seconds, inclusive. */
export const OVERLAP_SECONDS_MAX = 2_592_000;

/** Longest lifetime ahead that the `exp` of an OAuth client's assertion may name, in seconds, inclusive. */
export const CLIENT_ASSERTION_SECONDS_MAX = 3600;

/** Longest `jti` of an OAuth client's assertion, in characters, inclusive. */
export const JTI_CHARACTERS_MAX = 256;

/** How often the change feed says that it is in sync, in milliseconds. */
export const FEED_SYNC_MS = 1000;

/** A change feed that was silent for longer, in milliseconds, can't be trusted: it may have missed changes. */
export const FEED_STALE_MS = 4000;

/** What a token's holder may do: everything, or only GET, HEAD and OPTIONS. */
export type Access = "full" | "read_only";
