/**
 * Checks the tokens of requests, for APIs behind a Countersign service.
 *
 * The service decides (RFC 7662 introspection), and this package caches its answers for as long as they are certain to hold.
 * An answer is certain while the change feed is connected, confirmed within the last 4 s that it is complete, and has reported
 * nothing that concerns the token since. A deactivated key is therefore refused as soon as the feed reports it, without an
 * introspection for each request. Otherwise (the feed is silent, the process was stopped, the answer is older than the feed)
 * each request asks the service, and is refused with 503 if that fails. A verifier never serves a stale yes.
 *
 *     createVerifier ─ admit ──────────── one request: credential, verdict, access          admit.ts
 *                       └ verify ──────── one token: cached, or asked                       token-verdicts.ts
 *                          ├ cache ────── the service's answers, bounded                    verdict-cache.ts
 *                          ├ history ──── the feed's changes, and whether an answer holds   change-history.ts
 *                          ├ feed ─────── the stream, and whether it is in sync             change-feed.ts
 *                          └ introspect ─ one request to the service                        introspect.ts
 *
 * Each adapter has its own entry point, so that it brings the types of its framework only:
 * `@countersign/verifier/express`, `/fastify`, `/hono`, `/node` and `/fetch`. None of them imports its framework.
 */
export type { Admission, RequestFacts } from "./admit.ts";
export type { Access, Auth, RevocationReason, Verdict } from "./caller.ts";
export type { Clock } from "./clock.ts";
export { createVerifier, type Verifier, type VerifierStatus } from "./create-verifier.ts";
export type { Fetch, VerifierOptions } from "./parse-options.ts";
export type { Problem, ProblemCode } from "./problem.ts";
export type { ApiRefusalCode, RefusalAnswer } from "./refusal-answer.ts";
