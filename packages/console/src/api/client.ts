/**
 * The admin API as its OpenAPI document types it. Only the files beside this one call it, so that `queries.ts` decides what is cached
 * and what a change makes stale.
 */
import createClient from "openapi-fetch";
import { OPERATOR_HEADER } from "@countersign/protocol";
import { pageOperatorId, untilProven, untilSignedInAgain, wasSignedIn } from "../session/session.ts";
import { ApiError, readRefusal } from "./api-error.ts";
import type { operations, paths } from "./schema.d.ts";
import { t } from "../text/t.ts";

/** In milliseconds; the server takes this long only if its store is broken. */
const TIMEOUT_MS = 20_000;

export const client = createClient<paths>({ baseUrl: "/", headers: { accept: "application/json" } });

client.use({
  onRequest({ request }) {
    const id = pageOperatorId();
    if (id !== undefined) request.headers.set(OPERATOR_HEADER, String(id));
    return request;
  },
});

/** What the generated client returns. */
interface ClientResult<Body> {
  readonly data?: Body;
  readonly error?: unknown;
  readonly response: Response;
}

/** A response's body, and the version of what it shows, for `If-Match`. */
export interface WithEtag<Body> {
  readonly body: Body;
  readonly etag: string | undefined;
}

/**
 * Sends a request. If the session has ended, or a change needs a fresh sign-in, it asks the operator to sign in and sends the request
 * again, so that nothing typed or about to be saved is lost. It never sends it again as another operator: if another operator has
 * signed in on this page in the meantime, the refusal is final.
 *
 * @param send sends the request; called again after a new sign-in
 * @throws {ApiError}
 */
export async function request<Body>(
  send: (signal: AbortSignal) => Promise<ClientResult<Body>>,
  { signal, isSigningIn = false }: { readonly signal?: AbortSignal; readonly isSigningIn?: boolean } = {},
): Promise<WithEtag<Body>> {
  const sentBy = pageOperatorId();
  for (;;) {
    const { data, error, response } = await sendWithTimeout(send, signal);
    if (data !== undefined && response.ok) return { body: data, etag: response.headers.get("etag") ?? undefined };
    const refusal = readRefusal(error, response.status, response.headers.get("x-request-id") ?? undefined);
    if (isSigningIn || !wasSignedIn() || pageOperatorId() !== sentBy) throw refusal;
    if (refusal.code === "sign_in_required") await untilSignedInAgain();
    else if (refusal.code !== "fresh_sign_in_required" || !(await untilProven())) throw refusal;
  }
}

/** Like `request`, but returns only the body's `data`. */
export async function requestData<Data>(
  send: (signal: AbortSignal) => Promise<ClientResult<{ data: Data }>>,
  options?: { readonly signal?: AbortSignal; readonly isSigningIn?: boolean },
): Promise<Data> {
  return (await request(send, options)).body.data;
}

/** A value with the version at which it was read. */
export interface Versioned<Value> {
  readonly value: Value;
  /** For `If-Match`. */
  readonly etag: string | undefined;
  /** The server's warnings about a change, as full sentences. */
  readonly warnings: readonly string[];
}

interface VersionedBody<Value> {
  readonly data: Value;
  readonly meta: { readonly warnings: readonly { readonly message: string }[] };
}

/** Like `request`, for a single resource with its version. @throws {ApiError} */
export async function requestVersioned<Value>(
  send: (signal: AbortSignal) => Promise<ClientResult<VersionedBody<Value>>>,
  options?: { readonly signal?: AbortSignal },
): Promise<Versioned<Value>> {
  const { body, etag } = await request(send, options);
  return { value: body.data, etag, warnings: body.meta.warnings.map(({ message }) => message) };
}

async function sendWithTimeout<Body>(
  send: (signal: AbortSignal) => Promise<ClientResult<Body>>,
  signal: AbortSignal | undefined,
): Promise<ClientResult<Body>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await send(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
  } catch (cause) {
    // The page no longer needs the answer. The query cache expects this very error.
    if (signal?.aborted === true) throw cause;
    throw new ApiError("unreachable", t("api.unreachable"), {
      status: 0,
      hint: t("api.unreachableHint"),
      cause,
    });
  }
}

type Answer<Responses> = Responses extends { 201: { content: { "application/json": infer Body } } }
  ? Body
  : Responses extends { 200: { content: { "application/json": infer Body } } }
    ? Body
    : never;

/** The `data` of an operation's response, by operation id; an array for a list. */
export type DataOf<Id extends keyof operations> =
  Answer<operations[Id]["responses"]> extends { data: infer Data } ? Data : never;

/** One page of a list, and the cursors of the pages before and after it. */
export interface ListPage<Item> {
  readonly items: readonly Item[];
  readonly count: number;
  readonly isCountMinimum: boolean;
  /** The place of the first item in the list, from 1; `null` if the page is empty or too far in to count. */
  readonly position: number | null;
  readonly next: string | undefined;
  readonly previous: string | undefined;
}

interface ListBody<Item> {
  readonly data: readonly Item[];
  readonly meta: {
    readonly count: number;
    readonly count_is_minimum: boolean;
    readonly position: number | null;
    readonly next: string | null;
    readonly previous: string | null;
  };
}

/** Like `request`, for a list. @throws {ApiError} */
export async function requestList<Item>(
  send: (signal: AbortSignal) => Promise<ClientResult<ListBody<Item>>>,
  options?: { readonly signal?: AbortSignal },
): Promise<ListPage<Item>> {
  const { data, meta } = (await request(send, options)).body;
  return {
    items: data,
    count: meta.count,
    isCountMinimum: meta.count_is_minimum,
    position: meta.position,
    next: cursorOf(meta.next),
    previous: cursorOf(meta.previous),
  };
}

/** The API links to pages by path; the console puts only the cursor into its own address. */
function cursorOf(path: string | null): string | undefined {
  if (path === null) return undefined;
  return new URL(path, "http://localhost").searchParams.get("cursor") ?? undefined;
}

/** The headers of a change that applies only to this version. */
export function ifMatch(etag: string | undefined): { "if-match"?: string } {
  return etag === undefined ? {} : { "if-match": etag };
}
