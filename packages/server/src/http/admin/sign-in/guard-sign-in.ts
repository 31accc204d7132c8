import { Refusal } from "../../../core/refusal.ts";
import type { SignInPlace } from "../../../core/operators/sessions.ts";
import type { Logger } from "../../../platform/logger.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import type { AdminRequest } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { readSessionCookie } from "../http/session-cookie.ts";

export interface SignInGuard {
  readonly refusalLimit: RefusalLimit;
  readonly log: Logger;
}

/**
 * Runs an attempt to sign in. A refusal counts against the client's address, and is logged without anything that was sent.
 *
 * @throws {Refusal} `rate_limited` where the address was refused too often
 */
export async function guardSignIn<Answer>(
  { refusalLimit, log }: SignInGuard,
  { clientAddress, requestId }: AdminRequest,
  work: () => Promise<Answer>,
): Promise<Answer> {
  refusalLimit.check(clientAddress);
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) {
      // What fails on this side doesn't count against the client.
      const counts = error.code !== "rate_limited" && error.code !== "unavailable";
      const isOver = counts && refusalLimit.count(clientAddress);
      // A mistake in a form is no attempt to get in.
      if (error.detail.fields === undefined && !isOver) {
        const { code, message: reason } = error;
        log.info({ request_id: requestId, client: clientAddress, code, reason }, "sign-in refused");
      }
    }
    throw error;
  }
}

/** Where a sign-in comes from, with the session that the browser has from a sign-in before. */
export function signInPlace({ clientAddress, userAgent, cookies, host }: AdminRequest, origins: Origins): SignInPlace {
  return { address: clientAddress, userAgent, previousSecret: readSessionCookie(cookies, { origins, host }) };
}
