/**
 * The wire contract of Countersign: what a client, a gateway or a resource server can rely on.
 *
 * Paths, names, limits and the closed list of refusal codes live here, so that the server, its clients and its verifiers
 * can't disagree. Nothing here does I/O, reads a clock or depends on another package.
 */
export * from "./admin.ts";
export * from "./change-feed.ts";
export * from "./credential-text/find-credential.ts";
export * from "./envelope.ts";
export * from "./inactive-reason.ts";
export * from "./key-text/bytes-of-base64.ts";
export * from "./key-text/is-private-key.ts";
export * from "./key-text/key-text-of-bytes.ts";
export * from "./limits.ts";
export * from "./paths.ts";
export * from "./refusal-codes.ts";
export * from "./relative-time.ts";
export * from "./username.ts";
export * from "./weaknesses.ts";
