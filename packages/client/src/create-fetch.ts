import { CountersignError } from "./countersign-error.ts";
import { discardBody } from "./request/read-answer.ts";
import { parseUrl } from "./parse-base-url.ts";
import { type Fetch, SYSTEM } from "./surroundings.ts";
import type { TokenSource } from "./token-source.ts";

export interface FetchOptions {
  /**
   * The APIs that may see the token, such as `["https://api.example.com"]`: scheme, host and port, nothing more.
   * Default: the origin of the source's `baseUrl` alone, which is right where one gateway serves both.
   */
  readonly origins?: readonly string[] | undefined;
  /** The scheme before the token. Default `Token`. */
  readonly scheme?: "Token" | "Bearer" | undefined;
  /** What sends the requests. Default: the platform's `fetch`. */
  readonly fetch?: Fetch | undefined;
}

/**
 * A `fetch` that sends a token with each request.
 *
 * - **Where.** The token goes to `origins` only. A request to any other origin is refused, not sent without the token: it is
 *   a mistake, and sending a token to an arbitrary URL would leak it. When an API redirects to another origin, `fetch` itself
 *   drops the header (Fetch standard, HTTP-redirect fetch).
 * - **401.** The token is dropped and the request is sent once more with a new one, if its body can be sent again: a text,
 *   bytes, a Blob, a form, or the body of a `Request`, of which a copy is kept until the first answer. A stream can't be sent
 *   twice: the 401 is returned, and the next request has a new token. A second 401 is returned, too.
 * - **403.** Returned as it is. The token was revoked, or its user may not do this; another token wouldn't help.
 * - **`Authorization`.** A request with its own header is passed on unchanged.
 *
 * @throws {CountersignError} `options_invalid`; and from the function it returns, `origin_refused` and what `getToken`
 * throws
 */
export function createFetch(
  source: Pick<TokenSource, "baseUrl" | "getToken" | "invalidate">,
  options: FetchOptions = {},
): Fetch {
  const { scheme = "Token", fetch = SYSTEM.fetch } = options;
  const origins = new Set(options.origins?.map(parseOrigin) ?? [new URL(source.baseUrl).origin]);
  if (scheme !== "Token" && scheme !== "Bearer") {
    throw new CountersignError("options_invalid", "scheme must be Token or Bearer.");
  }

  return async (input, init = {}) => {
    const request = typeof input === "string" || input instanceof URL ? undefined : input;
    checkOrigin(typeof input === "string" ? input : input instanceof URL ? input.href : input.url, origins);
    const headers = new Headers(init.headers ?? request?.headers);
    if (headers.has("authorization")) return await fetch(input, init);

    const signal = init.signal === undefined ? request?.signal : init.signal;
    const send = (target: typeof input, token: string) => {
      headers.set("Authorization", `${scheme} ${token}`);
      return fetch(target, { ...init, headers });
    };
    const token = await source.getToken({ signal });
    // A Request's body can be read once. The copy holds it in memory until the answer has come.
    const hasOwnBody = request !== undefined && request.body !== null && init.body === undefined;
    const copy = hasOwnBody ? request.clone() : undefined;
    const response = await send(input, token);
    if (response.status !== 401) {
      copy?.body?.cancel().catch(() => undefined);
      return response;
    }
    source.invalidate(token);
    if (!isRepeatable(init.body)) return response;
    await discardBody(response);
    return await send(copy ?? input, await source.getToken({ signal }));
  };
}

function checkOrigin(url: string, origins: ReadonlySet<string>): void {
  const origin = parseUrl(url)?.origin;
  if (origin !== undefined && origins.has(origin)) return;
  throw new CountersignError(
    "origin_refused",
    origin === undefined
      ? "The request's URL isn't absolute, so the SDK can't tell whether it may have the token."
      : `${origin} isn't among the origins that may have the token; nothing was sent.`,
    { hint: "If it is an API that accepts these tokens, add it to the option origins of createFetch." },
  );
}

/** @throws {CountersignError} `options_invalid` */
function parseOrigin(text: string): string {
  const url = parseUrl(text);
  const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
  // A path would suggest a limit that origins don't have.
  if (url !== undefined && isHttp && url.href === `${url.origin}/`) return url.origin;
  throw new CountersignError("options_invalid", "origins must hold scheme, host and port only.", {
    hint: 'Such as "https://api.example.com".',
  });
}

/** Whether a body can be sent again. A stream can't, and an unknown kind may be a stream. */
function isRepeatable(body: RequestInit["body"]): boolean {
  if (body === undefined || body === null || typeof body === "string") return true;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true;
  return body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams;
}
