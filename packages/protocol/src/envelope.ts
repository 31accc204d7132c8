import type { RefusalCode, WarningCode } from "./refusal-codes.ts";
import type { Weakness } from "./weaknesses.ts";

/** One reason for a refusal. `hint` names the likely cause or fix where one is known; `docs` leads to the code's page. */
export interface ErrorItem {
  readonly code: RefusalCode;
  readonly message: string;
  readonly hint?: string;
  /** Which member of the body, or which parameter, is meant: a JSON pointer (RFC 6901), such as `/name`. */
  readonly field?: string;
  /** What is weak about the key, for `key_weak`. */
  readonly weakness?: Weakness;
  readonly docs: string;
}

/** Something the client should know although its request was accepted. */
export interface WarningItem {
  readonly code: WarningCode;
  readonly message: string;
}

/** The form of every answer under `/api/`. `meta.code` equals the HTTP status; `data` is `{}` in a refusal. */
export interface Envelope<Data> {
  readonly meta: {
    readonly code: number;
    readonly errors: readonly ErrorItem[];
    readonly warnings: readonly WarningItem[];
  };
  readonly data: Data;
}

/**
 * A list's answer. `next` and `previous` are the paths of the pages after and before this one; `count` is how many items match
 * in all, up to {@link COUNT_MAX}; `position` is the place of the first item in the list, from 1, where it could be counted.
 */
export interface ListEnvelope<Item> {
  readonly meta: Envelope<never>["meta"] & {
    readonly count: number;
    readonly count_is_minimum: boolean;
    readonly position: number | null;
    readonly next: string | null;
    readonly previous: string | null;
  };
  readonly data: readonly Item[];
}

/**
 * What a successful exchange returns.
 *
 * `issued_at` and `expires_at` are seconds since the epoch with microseconds; `expires_in` is the lifetime that was asked
 * for, in whole seconds.
 */
export interface TokenGrant {
  readonly issued_at: number;
  readonly token: string;
  readonly expires_in: number;
  readonly expires_at: number;
}
