/**
 * The client of a Countersign service.
 *
 *     const baseUrl = "https://auth.example.com";
 *     const source = createTokenSource({ baseUrl, username: "api-1-demo", privateKey: pem });
 *     const fetch = createFetch(source, { origins: ["https://api.example.com"] });
 *     const response = await fetch("https://api.example.com/v1/items");
 *
 * A client proves who it is with a private key that never leaves it: it signs a short text of its name and the time,
 * the *assertion*, and gets a *token* for it, which the APIs behind the service take for an hour or so. A *token
 * source* does this when a token is needed, keeps the token, and has the next one before it ends. `createFetch` puts it
 * into requests.
 *
 * What can go wrong comes as a {@link CountersignError} with a `code`. Nothing here holds a timer while nobody waits,
 * nothing needs more than `fetch` and WebCrypto, and nothing but Node's own globals, Deno's, Bun's or a worker's is
 * used.
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
export type { Clock, Fetch, Random, Sleep, StartTimer, Surroundings } from "./surroundings.ts";
export { createTokenSource, type GetTokenOptions, type TokenSource, type TokenSourceOptions } from "./token-source.ts";
export type { RefusalCode } from "@countersign/protocol";
