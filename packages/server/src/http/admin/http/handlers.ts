/** The types of handlers, which follow from the routes. */
import type { WarningItem } from "@countersign/protocol";
import type { FastifyReply } from "fastify";
import type { Preconditions } from "../../../core/change/precondition.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { AdminRoute, AdminRoutes } from "./route.ts";
import type { FromSchema } from "./schema-type.ts";

/** An operator who is signed in. */
export type OperatorPrincipal = Extract<Principal, { readonly kind: "operator" }>;

type PrincipalFor<Route extends AdminRoute> = Route["access"] extends "anyone" | "program"
  ? undefined
  : Route["access"] extends "operator"
    ? OperatorPrincipal
    : Principal;

type Part<Route, Name extends string> = Route extends { readonly [N in Name]: infer Schema }
  ? FromSchema<Schema>
  : undefined;

/** A request that was admitted: the caller may use the route, and the input fits its schemas. */
export interface AdminRequest<Route extends AdminRoute = AdminRoute> {
  readonly principal: PrincipalFor<Route>;
  readonly params: Part<Route, "params">;
  readonly query: Part<Route, "query">;
  readonly body: Part<Route, "body">;
  readonly requestId: string;
  /** The path and query of the request line. */
  readonly target: string;
  readonly clientAddress: string;
  readonly userAgent: string;
  /** The page's origin, which is allowed; `undefined` if the request has none. */
  readonly origin: string | undefined;
  /** Where the browser reached this listener, such as `localhost:8081`. */
  readonly host: string;
  readonly preconditions: Preconditions;
  readonly idempotencyKey: string | undefined;
  /** Cookies by name, as the browser sent them. */
  readonly cookies: Readonly<Record<string, string | undefined>>;
  /** For `Set-Cookie`; and for answers that aren't the envelope, which the handler sends itself. */
  readonly reply: FastifyReply;
}

type Data<Route extends AdminRoute> = FromSchema<Route["data"]>;

/** The answer of an `item` route. */
export interface ItemAnswer<Item> {
  readonly data: Item;
  readonly etag?: string;
  readonly warnings?: readonly WarningItem[];
  /** Was it made before, under the same `Idempotency-Key`? */
  readonly isRepeated?: boolean;
}

/** The answer of a `created` route: a new resource, or the one that an earlier request with the same key created. */
export interface CreatedAnswer<Item> extends ItemAnswer<Item> {
  /** The path under `ADMIN_PATH`; `undefined` if the resource has no path of its own. */
  readonly location?: string;
  readonly isRepeated: boolean;
}

/** The answer of a `list` route. */
export interface ListAnswer<Item> {
  readonly data: readonly Item[];
  /** Number of matches in total, counted up to `COUNT_MAX` + 1. */
  readonly count: number;
  /** Number of items before the first one, counted up to `COUNT_MAX` + 1. */
  readonly before: number;
  readonly next: string | null;
  readonly previous: string | null;
}

type AnswerFor<Route extends AdminRoute> = Route["answers"] extends "list"
  ? ListAnswer<Data<Route>>
  : Route["answers"] extends "created"
    ? CreatedAnswer<Data<Route>>
    : Route["answers"] extends "other"
      ? void
      : ItemAnswer<Data<Route>>;

export type AdminHandler<Route extends AdminRoute> = (request: AdminRequest<Route>) => Promise<AnswerFor<Route>>;

/** One handler for each route of a table. */
export type HandlersOf<Routes extends AdminRoutes> = { readonly [Id in keyof Routes]: AdminHandler<Routes[Id]> };

/** A short list, answered whole. */
export function wholeList<Item>(data: readonly Item[]): ListAnswer<Item> {
  return { data, count: data.length, before: 0, next: null, previous: null };
}

/** The warning if a request repeats the creation of a resource with a secret. */
export const SECRET_NOT_REPEATED = {
  code: "secret_not_repeated",
  message: "An earlier request created it, and its secret is shown only once. Create a new one if the secret is lost.",
} as const;
