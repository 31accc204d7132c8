/** Access to the admin API: the client, and one file of queries and changes per area. Nothing here is a component. */
import type { ErrorItem, RefusalCode } from "@countersign/protocol";
import { t } from "../text/t.ts";

/**
 * Why a request to the admin API failed: the refusal from the response envelope, or why there was none. `unreachable`: there was no
 * response. `unreadable`: something other than the admin API responded.
 */
export class ApiError extends Error {
  readonly code: RefusalCode | "unreachable" | "unreadable";
  /** 0 if there was no response. */
  readonly status: number;
  readonly hint: string | undefined;
  readonly docs: string | undefined;
  /** Every error, with the field it concerns. */
  readonly items: readonly Pick<ErrorItem, "message" | "field">[];
  /** What is weak about a public key, for `key_weak`. */
  readonly weakness: string | undefined;
  /** The id under which the server logged the request. */
  readonly requestId: string | undefined;

  constructor(
    code: ApiError["code"],
    message: string,
    more: {
      readonly status: number;
      readonly hint?: string | undefined;
      readonly docs?: string | undefined;
      readonly items?: readonly Pick<ErrorItem, "message" | "field">[];
      readonly weakness?: string | undefined;
      readonly requestId?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: more.cause });
    this.code = code;
    this.status = more.status;
    this.hint = more.hint;
    this.docs = more.docs;
    this.items = more.items ?? [];
    this.weakness = more.weakness;
    this.requestId = more.requestId;
  }

  /** What is wrong with one field or a part of it, if anything. @param name as in the API, such as `shortname` */
  fieldMessage(name: string): string | undefined {
    return this.items.find(({ field }) => field === `/${name}` || field?.startsWith(`/${name}/`) === true)?.message;
  }
}

/** Makes an `ApiError` from a response that isn't a success. @param body as parsed; can be anything */
export function readRefusal(body: unknown, status: number, requestId: string | undefined): ApiError {
  const items = (body as { meta?: { errors?: unknown } } | null | undefined)?.meta?.errors;
  const first = Array.isArray(items) ? (items[0] as Partial<ErrorItem> | undefined) : undefined;
  if (first?.code === undefined || first.message === undefined) {
    return new ApiError("unreadable", t("api.unreadable", { status }), {
      status,
      requestId,
      hint: t("api.unreadableHint"),
    });
  }
  return new ApiError(first.code, first.message, {
    status,
    requestId,
    hint: first.hint,
    docs: first.docs,
    items: items as ErrorItem[],
    weakness: first.weakness,
  });
}
