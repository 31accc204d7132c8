/**
 * The admin API, as its OpenAPI document types it. Components don't call it; the hooks beside this file do, so that what is
 * cached, and what a change makes stale, is decided in one place.
 */
import createClient from "openapi-fetch";
import { OPERATOR_HEADER } from "@countersign/protocol";
import { pageOperatorId, untilProven, untilSignedInAgain, wasSignedIn } from "../session/session.ts";
import { ApiError, readRefusal } from "./api-error.ts";
import type { operations, paths } from "./schema.d.ts";

/** Longer than the server takes for anything but a broken store, in milliseconds. */
const TIMEOUT_MS = 20_000;

export const client = createClient<paths>({ baseUrl: "/", headers: { accept: "application/json" } });

client.use({
  onRequest({ request }) {
    const id = pageOperatorId();
    if (id !== undefined) request.headers.set(OPERATOR_HEADER, String(id));
    return request;
  },
});

interface Sent<Body> {
  readonly data?: Body;
  readonly error?: unknown;
  readonly response: Response;
}

/** An answer's body, and the version that it shows, for `If-Match`. */
export interface Answered<Body> {
  readonly body: Body;
  readonly etag: string | undefined;
}

/**
 * Asks the API. Where the session has ended meanwhile, or the sign-in isn't fresh enough for a change, the operator is asked to sign in,
 * and the question is put again: what was typed and what was about to be saved isn't lost. Never under another operator's name: a
 * refusal that comes after another has signed in on this page is final.
 *
 * @param send puts the question; called again after a new sign-in
 * @throws {ApiError}
 */
export async function ask<Body>(
  send: (signal: AbortSignal) => Promise<Sent<Body>>,
  { signal, isSigningIn = false }: { readonly signal?: AbortSignal; readonly isSigningIn?: boolean } = {},
): Promise<Answered<Body>> {
  const askedBy = pageOperatorId();
  for (;;) {
    const { data, error, response } = await sendOnce(send, signal);
    if (data !== undefined && response.ok) return { body: data, etag: response.headers.get("etag") ?? undefined };
    const refusal = readRefusal(error, response.status, response.headers.get("x-request-id") ?? undefined);
    if (isSigningIn || !wasSignedIn() || pageOperatorId() !== askedBy) throw refusal;
    if (refusal.code === "sign_in_required") await untilSignedInAgain();
    else if (refusal.code !== "fresh_sign_in_required" || !(await untilProven())) throw refusal;
  }
}

/** As `ask`, for who needs the body's `data` alone. */
export async function askForData<Data>(
  send: (signal: AbortSignal) => Promise<Sent<{ data: Data }>>,
  options?: { readonly signal?: AbortSignal; readonly isSigningIn?: boolean },
): Promise<Data> {
  return (await ask(send, options)).body.data;
}

/** Something with the version at which it was read. */
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

/** As `ask`, for one thing with its version. @throws {ApiError} */
export async function askForVersioned<Value>(
  send: (signal: AbortSignal) => Promise<Sent<VersionedBody<Value>>>,
  options?: { readonly signal?: AbortSignal },
): Promise<Versioned<Value>> {
  const { body, etag } = await ask(send, options);
  return { value: body.data, etag, warnings: body.meta.warnings.map(({ message }) => message) };
}

async function sendOnce<Body>(
  send: (signal: AbortSignal) => Promise<Sent<Body>>,
  signal: AbortSignal | undefined,
): Promise<Sent<Body>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await send(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
  } catch (cause) {
    // Whoever asked has gone; the cache wants to hear exactly that.
    if (signal?.aborted === true) throw cause;
    throw new ApiError("unreachable", "The server can't be reached.", {
      status: 0,
      hint: "Is it running, and is this machine online? Nothing that you typed is lost; try again.",
      cause,
    });
  }
}

type Answer<Responses> = Responses extends { 201: { content: { "application/json": infer Body } } }
  ? Body
  : Responses extends { 200: { content: { "application/json": infer Body } } }
    ? Body
    : never;

/** What an operation's answer holds, by its operation id; of a list, all of them. */
export type DataOf<Id extends keyof operations> =
  Answer<operations[Id]["responses"]> extends { data: infer Data } ? Data : never;

/** A part of a list, and the cursors of the parts beside it. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly count: number;
  readonly isCountMinimum: boolean;
  readonly next: string | undefined;
  readonly previous: string | undefined;
}

interface ListBody<Item> {
  readonly data: readonly Item[];
  readonly meta: {
    readonly count: number;
    readonly count_is_minimum: boolean;
    readonly next: string | null;
    readonly previous: string | null;
  };
}

/** As `ask`, for lists. @throws {ApiError} */
export async function askForList<Item>(
  send: (signal: AbortSignal) => Promise<Sent<ListBody<Item>>>,
  options?: { readonly signal?: AbortSignal },
): Promise<Listed<Item>> {
  const { data, meta } = (await ask(send, options)).body;
  return {
    items: data,
    count: meta.count,
    isCountMinimum: meta.count_is_minimum,
    next: cursorOf(meta.next),
    previous: cursorOf(meta.previous),
  };
}

/** The API names pages by their path; the console's own address needs the cursor in it. */
function cursorOf(path: string | null): string | undefined {
  if (path === null) return undefined;
  return new URL(path, "http://localhost").searchParams.get("cursor") ?? undefined;
}

/** The headers of a change to what was read at this version. */
export function ifMatch(etag: string | undefined): { "if-match"?: string } {
  return etag === undefined ? {} : { "if-match": etag };
}
