/** What the routes of the admin API are answered by. */
import type { WarningItem } from "@countersign/protocol";
import type { FastifyReply } from "fastify";
import type { Preconditions } from "../../../core/change/precondition.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { AdminRoute, AdminRoutes } from "./route.ts";
import type { FromSchema } from "./schema-type.ts";

/** Whoever is signed in as a person. */
export type OperatorPrincipal = Extract<Principal, { readonly kind: "operator" }>;

type PrincipalFor<Route extends AdminRoute> = Route["access"] extends "anyone"
  ? undefined
  : Route["access"] extends "operator"
    ? OperatorPrincipal
    : Principal;

type Part<Route, Name extends string> = Route extends { readonly [N in Name]: infer Schema }
  ? FromSchema<Schema>
  : undefined;

/** A request that may be answered: whoever asks may, and what came in is what the schemas say. */
export interface AdminRequest<Route extends AdminRoute = AdminRoute> {
  readonly principal: PrincipalFor<Route>;
  readonly params: Part<Route, "params">;
  readonly query: Part<Route, "query">;
  readonly body: Part<Route, "body">;
  readonly requestId: string;
  /** The path and query as they came. */
  readonly target: string;
  readonly clientAddress: string;
  readonly userAgent: string;
  /** The page's origin, which is allowed; `undefined` where the request has none. */
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

/** One thing. */
export interface ItemAnswer<Item> {
  readonly data: Item;
  readonly etag?: string;
  readonly warnings?: readonly WarningItem[];
}

/** One thing that was made, or, where it was asked for before, had been. */
export interface CreatedAnswer<Item> extends ItemAnswer<Item> {
  /** Where it is, under `ADMIN_PATH`; `undefined` where it has no address of its own. */
  readonly location?: string;
  readonly isRepeated: boolean;
}

/** A part of many. */
export interface ListAnswer<Item> {
  readonly data: readonly Item[];
  /** How many match in all, up to one more than `COUNT_MAX`. */
  readonly count: number;
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

/** A whole list as an answer, where there can't be many. */
export function wholeList<Item>(data: readonly Item[]): ListAnswer<Item> {
  return { data, count: data.length, next: null, previous: null };
}

/** The warning where a creation is asked for again, and what it created has a secret. */
export const SECRET_NOT_REPEATED = {
  code: "secret_not_repeated",
  message: "It was made before, and its secret is shown once only. Make a new one if it is lost.",
} as const;
