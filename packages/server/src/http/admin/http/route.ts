/** The form of a route of the admin API, and who may use it. */
import type { RefusalCode, Role } from "@countersign/protocol";

/**
 * Who may use a route.
 *
 * - `anyone`: without a session. Sign-in and one-time links.
 * - `program`: a program without a session or a token. No cookie is read or set, so no `Origin` is needed.
 * - `operator`: an operator with a session; not an admin token.
 * - `admin_token`: a program with an admin token, about that token itself.
 * - a role: a caller with at least that role, by session or admin token. A caller who is limited to an account sees nothing of
 *   other accounts, and is refused by `everywhere`. `byOperator` refuses admin tokens: an operator made with a token would
 *   outlive it.
 */
export type RouteAccess =
  | "anyone"
  | "program"
  | "operator"
  | "admin_token"
  | { readonly role: Role; readonly everywhere?: true; readonly byOperator?: true };

export interface AdminRoute {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Under `ADMIN_PATH`; parameters as Fastify writes them. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly access: RouteAccess;
  readonly params?: object;
  readonly query?: object;
  readonly body?: object;
  /**
   * The form of the answer. `item`: `data` is one resource; `list`: an array of them; `created`: 201, and the request takes an
   * `Idempotency-Key`; `other`: not the envelope (a redirect, a file).
   */
  readonly answers: "item" | "list" | "created" | "other";
  /** The schema of `data`; of each item for `list`. */
  readonly data: object;
  /** For the document: the answers of `other`, by status. */
  readonly others?: Readonly<Record<number, object>>;
  /** The longest body, in bytes; `BODY_BYTES_MAX` by default. */
  readonly bodyBytesMax?: number;
  /** The answer has an ETag, which a `GET` takes as `If-None-Match` and a change as `If-Match`. */
  readonly tagged?: true;
  /** The request takes an `Idempotency-Key`, as with `created`. */
  readonly once?: true;
  /** Needs an operator's fresh sign-in (`FRESH_MS`), so that a stolen session isn't enough. */
  readonly fresh?: true;
  /** What its handler can refuse a request with, besides what follows from the members above (`refusalsOf`). */
  readonly refusals?: readonly RefusalCode[];
}

/** Routes by their operation ids. */
export type AdminRoutes = Readonly<Record<string, AdminRoute>>;

export const viewer = { role: "viewer" } as const;
export const admin = { role: "admin" } as const;
export const owner = { role: "owner" } as const;
export const viewerEverywhere = { role: "viewer", everywhere: true } as const;
export const adminEverywhere = { role: "admin", everywhere: true } as const;
export const ownerByOperator = { role: "owner", byOperator: true } as const;
export const ownerEverywhere = { role: "owner", everywhere: true } as const;
