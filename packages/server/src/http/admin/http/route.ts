/** The form of a route of the admin API, and who may use it. */
import type { Role } from "@countersign/protocol";

/**
 * Who may use a route.
 *
 * - `anyone`: without a session. Sign-in and one-time links.
 * - `operator`: whoever has a session; not an admin token.
 * - a role: whoever has at least that, by session or admin token. Where somebody is limited to an account, they see nothing of
 *   any other; with `everywhere` they are refused. With `byOperator`, admin tokens are: an operator whom a program makes would
 *   outlive its token.
 */
export type RouteAccess =
  | "anyone"
  | "operator"
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
   * What `data` holds: one thing, or, for a `list`, each of many. `created` answers 201 and takes an `Idempotency-Key`;
   * `other` isn't the envelope (a redirect, a file).
   */
  readonly answers: "item" | "list" | "created" | "other";
  readonly data: object;
  /** Of what isn't the envelope, for the document: by status. */
  readonly others?: Readonly<Record<number, object>>;
  /** The answer has an ETag, and a change of the same path takes `If-Match`. */
  readonly tagged?: true;
  /** An operator's sign-in has to be fresh: see `FRESH_MS`. Nobody does it with a stolen session alone. */
  readonly fresh?: true;
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
