/**
 * Checks the tokens of requests, for APIs behind a Countersign service.
 *
 * The service decides (RFC 7662 introspection); this package remembers what it said, for as long as that is certain to hold.
 * Certain means: the service's change feed is heard, it said within the last 4 s that it is complete, and it told of nothing
 * that concerns this token since. So a key that is switched off is refused here as soon as the feed has told, without a
 * question for every request. Where that certainty ends (the feed is silent, the process was stopped, the answer is older
 * than what was heard), each request asks; where asking fails, it is refused with 503. There is no way to a stale yes.
 *
 *     createVerifier ─ admit ──────────── one request: credential, verdict, access          admit.ts
 *                       └ verify ──────── one token: remembered, or asked                   token-verdicts.ts
 *                          ├ cache ────── what was said, bounded                            verdict-cache.ts
 *                          ├ history ──── what was heard, and whether an answer still holds  change-history.ts
 *                          ├ feed ─────── the stream, and whether it is in sync             change-feed.ts
 *                          └ introspect ─ one question                                      introspect.ts
 *
 * The adapters have entrances of their own, so that each brings the types of its framework along and of no other:
 * `@countersign/verifier/express`, `/fastify`, `/hono`, `/node` and `/fetch`. None of them imports its framework.
 */
export type { Admission, RequestFacts } from "./admit.ts";
export type { Access, Auth, RevocationReason, Verdict } from "./caller.ts";
export type { Clock } from "./clock.ts";
export { createVerifier, type Verifier, type VerifierStatus } from "./create-verifier.ts";
export type { Fetch, VerifierOptions } from "./parse-options.ts";
export type { Problem, ProblemCode } from "./problem.ts";
export type { ApiRefusalCode, RefusalAnswer } from "./refusal-answer.ts";
