/**
 * The client of a Countersign service.
 *
 *     const baseUrl = "https://auth.example.com";
 *     const source = createTokenSource({ baseUrl, username: "api-1-demo", privateKey: pem });
 *     const fetch = createFetch(source, { origins: ["https://api.example.com"] });
 *     const response = await fetch("https://api.example.com/v1/items");
 *
 * A client authenticates with a private key that never leaves it. It signs a short text with its name and the time, the
 * *assertion*, and exchanges it for a *token*, which the APIs behind the service accept for about an hour. A *token source*
 * fetches a token when one is needed, keeps it, and replaces it before it expires. `createFetch` adds it to requests.
 *
 * Every failure is a {@link CountersignError} with a `code`. The SDK runs a timer only while a caller waits. It needs `fetch`
 * and WebCrypto, and nothing that only one of Node, Deno, Bun and workers has.
 */
export {
  CountersignError,
  type ErrorCode,
  RETRY_AFTER_SECONDS_MAX,
  SDK_ERROR_CODES,
  type SdkErrorCode,
} from "./countersign-error.ts";
export { createFetch, type FetchOptions } from "./create-fetch.ts";
export type { PrivateKey, PrivateKeySource } from "./key/load-signing-key.ts";
export type { Warning } from "./request/warnings.ts";
export type { ProveKeyOptions } from "./rotation/prove-key.ts";
export type { RotatedKey, RotateKeyOptions } from "./rotation/rotate-key.ts";
export type { Clock, Fetch, Random, Sleep, StartTimer, Surroundings } from "./surroundings.ts";
export { createTokenSource, type GetTokenOptions, type TokenSource, type TokenSourceOptions } from "./token-source.ts";
export type { RefusalCode } from "@countersign/protocol";
