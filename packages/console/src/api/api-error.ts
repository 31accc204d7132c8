import type { ErrorItem, RefusalCode } from "@countersign/protocol";

/**
 * Why a question to the admin API wasn't answered: the refusal as the envelope has it, or what kept an answer from coming.
 * `unreachable`: no answer came. `unreadable`: something else than the admin API answered.
 */
export class ApiError extends Error {
  readonly code: RefusalCode | "unreachable" | "unreadable";
  /** 0 where there was no answer. */
  readonly status: number;
  readonly hint: string | undefined;
  readonly docs: string | undefined;
  /** Every reason, with the field that each is about. */
  readonly items: readonly Pick<ErrorItem, "message" | "field">[];
  /** Under which the server logged it. */
  readonly requestId: string | undefined;

  constructor(
    code: ApiError["code"],
    message: string,
    more: {
      readonly status: number;
      readonly hint?: string | undefined;
      readonly docs?: string | undefined;
      readonly items?: readonly Pick<ErrorItem, "message" | "field">[];
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
    this.requestId = more.requestId;
  }

  /** What is wrong with one field of a form, if anything. @param name as the API has it, such as `shortname` */
  fieldMessage(name: string): string | undefined {
    return this.items.find(({ field }) => field === `/${name}`)?.message;
  }
}

/** Makes an `ApiError` of an answer that isn't a success. @param body as it was parsed; anything */
export function readRefusal(body: unknown, status: number, requestId: string | undefined): ApiError {
  const items = (body as { meta?: { errors?: unknown } } | null | undefined)?.meta?.errors;
  const first = Array.isArray(items) ? (items[0] as Partial<ErrorItem> | undefined) : undefined;
  if (first?.code === undefined || first.message === undefined) {
    return new ApiError("unreadable", `The server answered ${status}, but not as Countersign does.`, {
      status,
      requestId,
      hint: "A proxy in between may have answered. Is it the internal listener's address?",
    });
  }
  return new ApiError(first.code, first.message, {
    status,
    requestId,
    hint: first.hint,
    docs: first.docs,
    items: items as ErrorItem[],
  });
}
